//! Errors while creating a cluster.

use std::path::PathBuf;
use std::time::Duration;

use crate::actions::failure_log::FailureReport;
use crate::actions::load::ImagesError;
use crate::cluster::{RecordError, RemoveError};
use crate::host::INOTIFY_SYSCTL;
use crate::kubeconfig::KubeconfigError;
use crate::kubeconfig::client::ClientError;
use crate::lease::LockError;
use crate::node::PatchError;
use crate::node_image::NodeImageError;
use crate::pki::PkiError;
use crate::podman::PodmanError;
use crate::spec::ClusterName;
use crate::util::Hint;
use crate::util::ports::bind_remedy;
use crate::util::text::indent_list;

/// An error of the creation of a cluster. Nothing of the cluster is left, unless the variant documents
/// something else.
///
/// ```no_run
/// use kipod_engine::{Cluster, ClusterSpec, CreateError, Engine, Error};
///
/// /// Creates a cluster, or opens the existing one of that name.
/// async fn create_or_open(engine: &Engine, spec: ClusterSpec) -> Result<Cluster, Error> {
///     let name = spec.name.clone();
///     match engine.create(spec).await {
///         Err(Error::Create(CreateError::Exists { .. })) => engine.cluster(&name),
///         created => created,
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The name is in use.
    #[error("cluster `{name}` already exists")]
    Exists {
        /// The name.
        name: ClusterName,
    },
    /// Podman has resources of a cluster of that name, and this user has no record of it.
    #[error("podman has {what} of a cluster `{name}` that kipod has no record of")]
    Unrecorded {
        /// The name.
        name: ClusterName,
        /// One of the resources.
        what: String,
    },
    /// Another process works on the cluster.
    #[error(transparent)]
    Lock(
        #[from]
        #[doc(hidden)]
        LockError,
    ),
    /// The node image is missing or unusable.
    #[error(transparent)]
    Image(#[from] NodeImageError),
    /// The version skew between node images is not supported. Nothing was started.
    #[error("unsupported version skew between nodes:{}", indent_list(.errors))]
    Skew {
        /// An error for each node with an unsupported version.
        errors: Vec<String>,
    },
    /// Host paths, ports or kernel features that the specification requires are missing or in use.
    /// Nothing was started.
    #[error("host resources unavailable:{}", indent_list(.errors))]
    HostResources {
        /// An error for each resource.
        errors: Vec<String>,
    },
    /// Too few inotify instances are left to the user. Nothing was started.
    #[error(
        "the cluster needs {needed} inotify instances, and {left} are left: all containers of a user share `fs.inotify.max_user_instances`"
    )]
    InotifyInstances {
        /// The number that the cluster needs.
        needed: usize,
        /// The number that is left.
        left: usize,
    },
    /// Images to preload could not be pulled or copied.
    #[error("cannot preload images")]
    Preload(#[from] ImagesError),
    /// A patch of the kubeadm configuration does not apply. Nothing was started.
    #[error(transparent)]
    Patch(
        #[from]
        #[doc(hidden)]
        PatchError,
    ),
    /// The credentials could not be created.
    #[error(transparent)]
    Pki(
        #[from]
        #[doc(hidden)]
        PkiError,
    ),
    /// The cluster's directory cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// No node subnet is free.
    #[error("every node subnet from 10.89.0.0/24 to 10.89.255.0/24 is in use")]
    NoSubnet,
    /// The requested port is in use, or no port is free.
    #[error("the API server cannot listen on {address}")]
    Port {
        /// Address and port.
        address: std::net::SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// A Podman operation on a node failed.
    #[error("node `{node}`")]
    Podman {
        /// The node.
        node: String,
        /// The cause.
        source: PodmanError,
    },
    /// A step inside a node failed.
    #[error("node `{node}`: {step} failed{report}")]
    NodeFailed {
        /// The node.
        node: String,
        /// The step.
        step: String,
        /// The relevant lines of the node's journals, and the file with all of them.
        #[doc(hidden)]
        report: FailureReport,
    },
    /// A component of a node exited repeatedly with the same error: a systemd unit, or a container of
    /// `kube-system`.
    #[error("node `{node}`: {component} exited {count} times{report}")]
    ComponentFailed {
        /// The node.
        node: String,
        /// The systemd unit or the container.
        component: String,
        /// The number of exits.
        count: u32,
        /// The cause of the last exit, other errors of the component, and the file with all logs.
        #[doc(hidden)]
        report: FailureReport,
    },
    /// The API server refused the connection's certificate or credentials. Waiting does not change that.
    #[error("cannot use the API server at `{server}`")]
    ApiServer {
        /// The URL of the API server.
        server: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The labels that a kubelet must not set could not be set on its node.
    #[error("cannot set the labels of node `{node}`")]
    Labels {
        /// The node.
        node: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A node's container exited.
    #[error("node `{node}` exited while waiting for {waiting_for}{report}")]
    NodeExited {
        /// The node.
        node: String,
        /// The condition that the creation was waiting for.
        waiting_for: &'static str,
        /// The relevant lines of the container's output, and the file with all of it.
        #[doc(hidden)]
        report: FailureReport,
    },
    /// Something did not become ready in time.
    #[error("timed out after {}s waiting for {waiting_for}:{}", .waited.as_secs(), indent_list(.missing))]
    Timeout {
        /// The time waited.
        waited: Duration,
        /// The condition that was not met.
        waiting_for: &'static str,
        /// Its parts that are not ready.
        missing: Vec<String>,
    },
    /// No client for the new cluster could be created.
    #[error("cannot connect to cluster `{name}`")]
    Client {
        /// The cluster.
        name: ClusterName,
        /// The cause.
        #[doc(hidden)]
        source: Box<ClientError>,
    },
    /// The pull policy for local images could not be installed.
    #[error("cannot install the pull policy for local images in cluster `{name}`")]
    LocalImages {
        /// The cluster.
        name: ClusterName,
        /// The cause.
        source: kube::Error,
    },
    /// The default StorageClass could not be installed.
    #[error("cannot install the default StorageClass in cluster `{name}`")]
    Storage {
        /// The cluster.
        name: ClusterName,
        /// The cause.
        source: kube::Error,
    },
    /// The node image has no metrics-server. Nothing was started.
    #[error("node image `{image}` does not contain metrics-server")]
    NoMetrics {
        /// The image of the first control plane.
        image: String,
    },
    /// Without cgroup controllers there are no metrics. Nothing was started.
    #[error(
        "metrics require the cgroup controllers cpu, memory and pids, which are not all delegated to you"
    )]
    MetricsUnavailable,
    /// Without cgroup controllers, resources of nodes cannot be limited. Nothing was started.
    #[error(
        "node `{node}`: `resources` require the cgroup controllers cpu, memory and pids, which are not all delegated to you"
    )]
    LimitsUnavailable {
        /// The first node with limits.
        node: String,
        /// The remedy of the host check.
        remedy: Option<String>,
    },
    /// metrics-server could not be installed.
    #[error("cannot install metrics-server in cluster `{name}`")]
    Metrics {
        /// The cluster.
        name: ClusterName,
        /// The cause.
        source: kube::Error,
    },
    /// The cluster could not be added to the user's kubeconfig. Nothing was started.
    #[error("the cluster cannot be added to your kubeconfig")]
    KubeconfigUnusable {
        /// The cause.
        source: KubeconfigError,
    },
    /// The user's kubeconfig could not be updated. The cluster is kept.
    #[error("cluster `{name}` is ready, but your kubeconfig could not be updated")]
    Kubeconfig {
        /// The cluster.
        name: ClusterName,
        /// The cause.
        source: KubeconfigError,
    },
    /// The creation was cancelled.
    #[error("creation of cluster `{name}` was interrupted")]
    Cancelled {
        /// The name.
        name: ClusterName,
    },
    /// The leftovers of an earlier attempt could not be removed.
    #[error("cannot remove the leftovers of cluster `{name}`")]
    CleanUp {
        /// The name.
        name: ClusterName,
        /// The cause.
        source: Box<RemoveError>,
    },
}

impl CreateError {
    /// Returns the file with the journals of a failed node, where one was written.
    pub fn log_file(&self) -> Option<&PathBuf> {
        match self {
            Self::NodeFailed { report, .. }
            | Self::ComponentFailed { report, .. }
            | Self::NodeExited { report, .. } => report.file.as_ref(),
            _ => None,
        }
    }
}

impl Hint for CreateError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { name } => Some(format!(
                "use it (`kipod export kubeconfig {name}`), delete it (`kipod delete cluster {name}`), or choose another name"
            )),
            Self::Unrecorded { name, .. } | Self::CleanUp { name, .. } => {
                Some(format!("run `kipod delete cluster {name}`"))
            }
            Self::Lock(error) => error.hint(),
            Self::Image(error) => error.hint(),
            Self::Preload(error) => error.hint(),
            Self::MetricsUnavailable => {
                Some("`kipod check` shows how to delegate them; or disable `metrics`".into())
            }
            Self::LimitsUnavailable { remedy, .. } => Some(remedy.clone().unwrap_or_else(|| {
                "`kipod check` shows how to delegate them; or remove `resources`".into()
            })),
            Self::NoMetrics { .. } => Some(
                "add the program `metrics-server` to `bin/` of the component bundle, and run `kipod build node-image`".into(),
            ),
            Self::NoSubnet => {
                Some("delete clusters, or remove networks with `podman network prune`".into())
            }
            Self::Port { address, source } => Some(
                bind_remedy(*address, source)
                    .unwrap_or_else(|| "omit the port to use a free one".to_owned()),
            ),
            Self::Podman { source, .. } => source.hint(),
            // The container's first process exited, about which systemd seldom logs more.
            Self::NodeExited { .. } => Some(
                "check the warnings of `kipod check`, such as too few inotify instances; `--retain` keeps the nodes for inspection".into(),
            ),
            Self::NodeFailed { .. }
            | Self::ComponentFailed { .. }
            | Self::ApiServer { .. }
            | Self::Timeout { .. } => Some(
                "`--retain` keeps the nodes for inspection: `kipod export logs`, `kipod exec`".into(),
            ),
            Self::InotifyInstances { .. } => Some(format!("raise the limit:\n{INOTIFY_SYSCTL}")),
            Self::KubeconfigUnusable { source } => source.hint(),
            Self::Kubeconfig { name, source } => {
                let retry = format!("run `kipod export kubeconfig {name}`");
                Some(source.hint().map_or_else(|| retry.clone(), |hint| format!("{hint}, then {retry}")))
            }
            Self::Record(error) => error.hint(),
            _ => None,
        }
    }
}
