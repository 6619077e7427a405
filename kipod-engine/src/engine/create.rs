//! Creation of a cluster from a specification.

use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Cluster, Engine, Error, now};
use crate::actions::{self, CreateError, Request};
use crate::events::Events;
use crate::host;
use crate::kubeconfig::UserKubeconfig;
use crate::kubernetes::Version;
use crate::spec::ClusterSpec;

/// A builder of a new cluster; awaiting it creates the cluster. Created by [`Engine::create`].
///
/// ```no_run
/// # async fn example(engine: kipod_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
/// use kipod_engine::{CancellationToken, ClusterSpec, Event};
///
/// let token = CancellationToken::new();
/// let cluster = engine
///     .create(ClusterSpec::builder("demo").build()?)
///     .events(|event: Event| eprintln!("{event:?}"))
///     .cancel(token)
///     .await?;
/// assert_eq!(cluster.name().as_str(), "demo");
/// # Ok(())
/// # }
/// ```
#[must_use = "a creation does nothing until it is awaited"]
pub struct CreateCluster {
    engine: Engine,
    spec: ClusterSpec,
    events: Arc<dyn Events>,
    cancel: CancellationToken,
    kubernetes: Option<Version>,
    prefer_default_image: bool,
    kubeconfig: Option<UserKubeconfig>,
    created_at: Option<i64>,
}

impl std::fmt::Debug for CreateCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateCluster").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Engine {
    /// Creates a cluster and waits until it is ready. A missing default node image is built first,
    /// where the feature `build` is on.
    ///
    /// # Errors
    ///
    /// When the host cannot run clusters, the name is in use, or a step fails. What was created is
    /// removed again, unless [`ClusterSpec::retain`] is set.
    pub fn create(&self, spec: ClusterSpec) -> CreateCluster {
        CreateCluster {
            events: self.inner.events.clone(),
            cancel: self.inner.cancel.clone(),
            engine: self.clone(),
            spec,
            kubernetes: None,
            prefer_default_image: false,
            kubeconfig: None,
            created_at: None,
        }
    }
}

impl CreateCluster {
    /// Sets the receiver of this creation's progress. Default: the engine's.
    pub fn events(mut self, events: impl Events + 'static) -> Self {
        self.events = Arc::new(events);
        self
    }

    /// Sets the token that cancels this creation. Default: the engine's.
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// Adds the cluster to the user's kubeconfig. Default: no kubeconfig of the user is changed.
    pub fn kubeconfig(mut self, kubeconfig: UserKubeconfig) -> Self {
        self.kubeconfig = Some(kubeconfig);
        self
    }

    /// Sets the recorded time of creation, in seconds since the Unix epoch. Default: now.
    #[doc(hidden)]
    pub fn created_at(mut self, seconds: i64) -> Self {
        self.created_at = Some(seconds);
        self
    }

    /// Uses the default node image if it has this Kubernetes version, otherwise the newest image of
    /// the version.
    #[doc(hidden)]
    pub fn default_image_or_kubernetes(mut self, version: Option<Version>) -> Self {
        self.prefer_default_image = true;
        self.kubernetes = version;
        self
    }

    /// Runs the creation with a receiver of events that need not live longer.
    #[doc(hidden)]
    pub async fn run_with(self, events: &dyn Events) -> Result<Cluster, Error> {
        let Self { engine, mut spec, cancel, kubernetes, kubeconfig, created_at, .. } = self;
        let prepare = async {
            actions::check_environment(&spec.name, kubeconfig.as_ref()).await?;
            let mut machine = engine.machine(events).await?;
            Engine::add_proxy(&mut machine, &spec, events);
            let driver = machine.storage_driver;
            let version = match (&kubernetes, self.prefer_default_image) {
                (Some(version), true) if engine.default_image_is(version, driver).await? => None,
                (None, false) => spec.kubernetes.as_ref(),
                (version, _) => version.as_ref(),
            };
            let image = engine.find_node_image(&spec.image, version, driver, events, &cancel);
            let image = image.await?;
            Ok::<_, Error>((machine, image))
        };
        let (machine, image) = tokio::select! {
            // First: Ctrl-C ends the child processes of the preparation too, and the cancellation is
            // the cause.
            biased;
            () = cancel.cancelled() => {
                return Err(CreateError::Cancelled { name: spec.name.clone() }.into());
            }
            prepared = prepare => prepared?,
        };
        spec.image = image;
        let now = created_at.unwrap_or_else(now);
        let available_inotify_instances = host::available_inotify_instances;
        let request =
            Request { spec, machine, now, kubeconfig, cancel, available_inotify_instances };
        let cluster = actions::create(engine.context(events).await?, request).await?;
        Ok(Cluster::new(engine.clone(), cluster))
    }
}

impl IntoFuture for CreateCluster {
    type Output = Result<Cluster, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let events = self.events.clone();
            self.run_with(&*events).await
        })
    }
}
