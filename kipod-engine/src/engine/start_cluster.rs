//! Start of a stopped cluster.

use std::pin::Pin;
use std::time::Duration;

use super::{Cluster, Error};
use crate::actions::{self, StartRequest};
use crate::spec::DEFAULT_WAIT;

/// A builder of the start of a stopped cluster; awaiting it starts the nodes. Created by
/// [`Cluster::start`].
///
/// ```no_run
/// use std::time::Duration;
///
/// # async fn example(cluster: kipod_engine::Cluster) -> Result<(), kipod_engine::Error> {
/// cluster.stop().await?;
/// cluster.start().wait(Duration::from_secs(120)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a start does nothing until it is awaited"]
pub struct StartCluster {
    cluster: Cluster,
    wait: Option<Duration>,
}

impl StartCluster {
    pub(super) fn new(cluster: Cluster) -> Self {
        Self { cluster, wait: None }
    }

    /// Sets how long to wait until the cluster is ready; zero does not wait. Default: five minutes,
    /// multiplied by the timeout factor.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    async fn run(self) -> Result<(), Error> {
        let Self { cluster: Cluster { engine, entry }, wait } = self;
        let timeouts = engine.inner.timeouts;
        let request = StartRequest {
            name: entry.name().clone(),
            wait: wait.unwrap_or_else(|| timeouts.scale(DEFAULT_WAIT)),
            timeouts,
            cancel: engine.inner.cancel.clone(),
        };
        let context = engine.context(&*engine.inner.events).await?;
        actions::start(context, &request).await?;
        Ok(())
    }
}

impl IntoFuture for StartCluster {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
