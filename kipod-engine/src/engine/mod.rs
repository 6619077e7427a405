//! The front door: an [`Engine`] creates, finds and deletes clusters and registries.

mod add_node;
mod cluster;
mod create;
mod error;
mod node_image;
mod registry;
mod start_cluster;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::actions::Context;
use crate::cluster::{self as clusters, ClusterState, ClusterSummary, NodeSummary};
use crate::events::{Event, Events, Step, step};
use crate::gc::{self, Pruned};
use crate::host::{self, HostFacts, Report, Status};
use crate::plan::{Machine, label};
use crate::podman::{ContainerInfo, ExecOutput, Podman, PodmanCli, PodmanError, Service};
use crate::spec::{ClusterName, ClusterSpec, ImageReference, Proxy};
use crate::util::dirs::Dirs;
use crate::util::text::error_chain;
use crate::util::timeout_factor::TimeoutFactor;
use crate::util::timeouts::Timeouts;
use crate::util::variable;

pub use add_node::AddNode;
pub use cluster::Cluster;
pub use create::CreateCluster;
pub use error::Error;
pub use node_image::NodeImageSource;
#[cfg(feature = "build")]
pub use node_image::{BuildNodeImage, BuiltNodeImage};
pub use registry::CreateRegistry;
pub use start_cluster::StartCluster;

/// Creates, finds and deletes the clusters and registries of one user.
///
/// An engine is cheap to clone; clones share the connection to Podman.
///
/// ```no_run
/// use kipod_engine::{ClusterSpec, Engine, Role};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::connect().await?;
/// let spec = ClusterSpec::builder("demo").workers(2).build()?;
/// let cluster = engine.create(spec).await?;
/// cluster.add_node(Role::Worker).await?;
/// let client = cluster.client().await?;
/// # let _ = client;
/// cluster.delete().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    dirs: Dirs,
    podman_url: Option<String>,
    podman: OnceCell<Service>,
    timeouts: Timeouts,
    events: Arc<dyn Events>,
    cancel: CancellationToken,
    #[cfg_attr(not(feature = "build"), expect(dead_code, reason = "read by builds only"))]
    node_image_source: NodeImageSource,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("dirs", &self.inner.dirs).finish_non_exhaustive()
    }
}

/// Configures an [`Engine`]. Every setting has the default that the `kipod` command has.
///
/// ```no_run
/// use kipod_engine::{CancellationToken, Engine, Event};
///
/// # async fn example() -> Result<(), kipod_engine::Error> {
/// let token = CancellationToken::new();
/// let engine = Engine::builder()
///     .events(|event: Event| eprintln!("{event:?}"))
///     .cancel(token.clone())
///     .timeout_factor("2".parse().expect("a factor"))
///     .connect()
///     .await?;
/// # let _ = engine;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until `connect` or `open`"]
pub struct EngineBuilder {
    dirs: Option<Dirs>,
    podman_url: Option<String>,
    timeouts: Option<Timeouts>,
    events: Option<Arc<dyn Events>>,
    cancel: CancellationToken,
    node_image_source: Option<NodeImageSource>,
}

impl std::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineBuilder").field("dirs", &self.dirs).finish_non_exhaustive()
    }
}

/// Returns the value of `CONTAINER_HOST`.
fn container_host() -> Option<String> {
    variable("CONTAINER_HOST").map(|url| url.to_string_lossy().into_owned())
}

impl EngineBuilder {
    /// Sets kipod's directories. Default: those of the XDG base directory specification.
    pub fn dirs(mut self, dirs: Dirs) -> Self {
        self.dirs = Some(dirs);
        self
    }

    /// Sets the URL of Podman's service, `unix://PATH`. Default: `CONTAINER_HOST`, then the socket
    /// of the login session, then a service that the engine starts.
    pub fn podman(mut self, url: impl Into<String>) -> Self {
        self.podman_url = Some(url.into());
        self
    }

    /// Sets the factor of kipod's and kubeadm's own timeouts. Default: `KIPOD_TIMEOUT_FACTOR`, or 1.
    pub fn timeout_factor(mut self, factor: TimeoutFactor) -> Self {
        self.timeouts = Some(Timeouts::new(factor));
        self
    }

    /// Sets the receiver of progress and warnings. Default: events are dropped.
    pub fn events(mut self, events: impl Events + 'static) -> Self {
        self.events = Some(Arc::new(events));
        self
    }

    /// Sets the token that cancels all work of this engine. Cancelled work removes what it created.
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// Sets where missing node images are built from. Default: `KIPOD_COMPONENTS`, `KIPOD_MIRROR`,
    /// then an installed component bundle, then a download.
    pub fn node_image_source(mut self, source: NodeImageSource) -> Self {
        self.node_image_source = Some(source);
        self
    }

    /// Creates the engine without contacting Podman, which happens on first use. Reading the records
    /// of clusters does not need Podman.
    ///
    /// # Errors
    ///
    /// When `HOME` or `XDG_RUNTIME_DIR` is not set, or `KIPOD_TIMEOUT_FACTOR` is not a factor.
    pub fn open(self) -> Result<Engine, Error> {
        let timeouts = match self.timeouts {
            Some(timeouts) => timeouts,
            None => Timeouts::from_env()?,
        };
        let dirs = match self.dirs {
            Some(dirs) => dirs,
            None => Dirs::from_env()?,
        };
        let inner = Inner {
            dirs,
            podman_url: self.podman_url.or_else(container_host),
            podman: OnceCell::new(),
            timeouts,
            events: self.events.unwrap_or_else(|| Arc::new(|_: Event| {})),
            cancel: self.cancel,
            node_image_source: self.node_image_source.unwrap_or_else(NodeImageSource::from_env),
        };
        Ok(Engine { inner: Arc::new(inner) })
    }

    /// Creates the engine and connects to Podman.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and when Podman is not installed or its service does not respond.
    pub async fn connect(self) -> Result<Engine, Error> {
        let engine = self.open()?;
        engine.podman().await?;
        Ok(engine)
    }
}

impl Engine {
    /// Connects to the user's Podman with the settings of the environment.
    ///
    /// # Errors
    ///
    /// As [`EngineBuilder::connect`].
    pub async fn connect() -> Result<Self, Error> {
        Self::builder().connect().await
    }

    /// Returns a builder for an engine with other settings.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Opens an existing cluster. Reads its record only.
    ///
    /// # Errors
    ///
    /// When there is no such cluster, or its creation is not complete.
    pub fn cluster(&self, name: &ClusterName) -> Result<Cluster, Error> {
        Ok(Cluster::new(self.clone(), clusters::ClusterEntry::open(self.dirs(), name)?))
    }

    /// Lists the user's clusters by name, with their states. Starts no service of Podman: where none is
    /// running, the `podman` program lists the containers, in about 50 ms.
    ///
    /// # Errors
    ///
    /// When the records cannot be read. Where Podman does not respond, that is a warning, and the states
    /// are unknown.
    pub async fn clusters(&self) -> Result<Vec<ClusterSummary>, Error> {
        let all = clusters::clusters(self.dirs(), None)?;
        if all.iter().all(|one| one.state != ClusterState::Unknown) {
            return Ok(all);
        }
        match self.containers_of_clusters().await {
            Ok(listed) => Ok(clusters::clusters(self.dirs(), Some(&listed))?),
            Err(error) => {
                let warning =
                    format!("the states of clusters are unknown: {}", error_chain(&error));
                self.inner.events.send(Event::Warning(warning));
                Ok(all)
            }
        }
    }

    async fn containers_of_clusters(&self) -> Result<Vec<ContainerInfo>, PodmanError> {
        if let Some(podman) = self.inner.podman.get() {
            return podman.containers(label::CLUSTER).await;
        }
        let url = self.inner.podman_url.as_deref();
        match Service::connect_running(&self.inner.dirs.runtime, url).await? {
            Some(podman) => podman.containers(label::CLUSTER).await,
            None => PodmanCli::new().containers(label::CLUSTER).await,
        }
    }

    /// Lists the nodes of a cluster, complete or not, or of all clusters.
    ///
    /// # Errors
    ///
    /// When Podman does not respond.
    pub async fn nodes(&self, cluster: Option<&ClusterName>) -> Result<Vec<NodeSummary>, Error> {
        Ok(clusters::nodes(self.podman().await?, self.dirs(), cluster).await?)
    }

    /// Deletes a cluster in any state. Returns `false` where there was none.
    ///
    /// # Errors
    ///
    /// When another process works on the cluster, or something of it cannot be removed.
    pub async fn delete(&self, name: &ClusterName) -> Result<bool, Error> {
        Ok(clusters::remove(self.podman().await?, self.dirs(), name).await?)
    }

    /// Deletes the cluster whose record `is_same` accepts. Another cluster of that name is kept.
    #[doc(hidden)]
    pub async fn delete_if(
        &self,
        name: &ClusterName,
        is_same: impl Fn(&clusters::Record) -> bool,
    ) -> Result<bool, Error> {
        Ok(clusters::remove_if(self.podman().await?, self.dirs(), name, is_same).await?)
    }

    /// Runs a command inside a node of any cluster.
    #[doc(hidden)]
    pub async fn exec(&self, node: &str, command: &[&str]) -> Result<ExecOutput, Error> {
        Ok(self.podman().await?.exec(node, command).await?)
    }

    /// Returns the names of all clusters that records or Podman know, complete or not.
    ///
    /// # Errors
    ///
    /// When the records cannot be read, or Podman does not respond.
    pub async fn cluster_names(&self) -> Result<Vec<ClusterName>, Error> {
        let recorded =
            clusters::clusters(self.dirs(), None)?.into_iter().map(|summary| summary.name);
        let mut names = clusters::names_in_podman(self.podman().await?).await?;
        names.extend(recorded);
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        Ok(names)
    }

    /// Writes the logs of a cluster, complete or not, into a directory. Returns what is missing.
    ///
    /// # Errors
    ///
    /// When there is no such cluster, or the directory cannot be written.
    pub async fn export_logs(
        &self,
        name: &ClusterName,
        dir: impl Into<PathBuf>,
    ) -> Result<Vec<String>, Error> {
        let dir = dir.into();
        Ok(clusters::export_logs(self.podman().await?, self.dirs(), name, &dir).await?)
    }

    /// Removes orphaned resources. With `dry_run` it reports them and removes nothing.
    ///
    /// # Errors
    ///
    /// When the records or Podman cannot be read.
    pub async fn prune(&self, dry_run: bool) -> Result<Pruned, Error> {
        Ok(gc::prune(self.podman().await?, self.dirs(), dry_run).await?)
    }

    /// Checks whether this host can run clusters, and whether it has the node image.
    pub async fn check(&self, node_image: &ImageReference) -> Report {
        let mut facts = HostFacts::probe().await;
        let driver = Machine::from_facts(&facts).storage_driver;
        if let Ok(podman) = self.podman().await {
            let reference = node_image.to_string();
            let dir = &self.dirs().data;
            let found = crate::node_image::node_image(podman, &reference, dir, driver).await;
            facts.node_image = Some(host::NodeImagePresence { reference, present: found.is_ok() });
        }
        Report::of(facts)
    }

    /// Returns kipod's directories.
    #[doc(hidden)]
    pub fn dirs(&self) -> &Dirs {
        &self.inner.dirs
    }

    /// Returns the connection to Podman, connecting on first use.
    #[doc(hidden)]
    pub async fn podman(&self) -> Result<&Service, Error> {
        let connect = Service::connect(&self.inner.dirs.runtime, self.inner.podman_url.as_deref());
        Ok(self.inner.podman.get_or_try_init(|| connect).await?)
    }

    /// Returns the timeouts of this host.
    #[doc(hidden)]
    pub fn timeouts(&self) -> Timeouts {
        self.inner.timeouts
    }

    async fn context<'a>(&'a self, events: &'a dyn Events) -> Result<Context<'a>, Error> {
        Ok(Context { podman: self.podman().await?, dirs: self.dirs(), events })
    }

    /// Checks the host as a step, and returns what shapes clusters on it.
    async fn machine(&self, events: &dyn Events) -> Result<Machine, Error> {
        let check = async {
            let report = host::check_cached(&self.dirs().runtime).await;
            report.require_usable()?;
            for finding in report.with_status(Status::Warn) {
                let detail = format!("{}: {}", finding.check, finding.found);
                events.send(Event::Detail(detail));
            }
            Ok::<_, Error>(report)
        };
        let report = step(events, Step::Check, check).await?;
        let mut machine = Machine::from_facts(&report.facts);
        machine.timeouts = self.inner.timeouts;
        machine.limits_remedy = report.cgroup_remedy().map(str::to_owned);
        Ok(machine)
    }

    /// Adds the HTTP proxies of the environment to the properties of the host, for clusters that use
    /// them. Warns of those that nodes cannot use.
    fn add_proxy(machine: &mut Machine, spec: &ClusterSpec, events: &dyn Events) {
        if spec.host_proxy {
            let (proxy, warnings) = Proxy::from_environment(|name| std::env::var(name).ok());
            warnings.into_iter().for_each(|warning| events.send(Event::Warning(warning)));
            machine.proxy = proxy;
        }
    }
}

/// Returns the seconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
