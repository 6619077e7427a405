//! Addition of a node to an existing cluster.

use std::pin::Pin;
use std::time::Duration;

use super::{Cluster, Engine, Error, now};
use crate::actions::{self, AddRequest};
use crate::kubernetes::Role;
use crate::spec::{DEFAULT_WAIT, ImageReference};

/// A builder of an additional node; awaiting it adds the node and returns its name. Created by
/// [`Cluster::add_node`].
///
/// ```no_run
/// use std::time::Duration;
///
/// use kipod_engine::Role;
///
/// # async fn example(cluster: kipod_engine::Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// let node = cluster
///     .add_node(Role::Worker)
///     .image("localhost/kipod-node:v1.35.6".parse()?)
///     .wait(Duration::from_secs(120))
///     .await?;
/// println!("`{node}` is ready");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "an addition does nothing until it is awaited"]
pub struct AddNode {
    cluster: Cluster,
    role: Role,
    image: Option<ImageReference>,
    wait: Option<Duration>,
}

impl AddNode {
    pub(super) fn new(cluster: Cluster, role: Role) -> Self {
        Self { cluster, role, image: None, wait: None }
    }

    /// Sets the node image. Default: the cluster's.
    pub fn image(mut self, image: ImageReference) -> Self {
        self.image = Some(image);
        self
    }

    /// Sets how long to wait until the node is ready; zero waits for kubeadm only. Default: five
    /// minutes, multiplied by the timeout factor.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    async fn run(self) -> Result<String, Error> {
        let Self { cluster: Cluster { engine, entry }, role, image, wait } = self;
        let events = &*engine.inner.events;
        let mut machine = engine.machine(events).await?;
        Engine::add_proxy(&mut machine, &entry.record().spec, events);
        let request = AddRequest {
            cluster: entry.name().clone(),
            role,
            image,
            wait: wait.unwrap_or_else(|| machine.timeouts.scale(DEFAULT_WAIT)),
            machine,
            now: now(),
            cancel: engine.inner.cancel.clone(),
        };
        Ok(actions::add_node(engine.context(events).await?, &request).await?)
    }
}

impl IntoFuture for AddNode {
    type Output = Result<String, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
