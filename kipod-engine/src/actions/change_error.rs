//! Errors while changing an existing cluster: stopping, starting, adding and removing nodes.

use crate::actions::create::CreateError;
use crate::actions::load::ImagesError;
use crate::cluster::{OpenError, RecordError};
use crate::kubeconfig::client::ClientError;
use crate::lease::LockError;
use crate::podman::PodmanError;
use crate::spec::ClusterName;
use crate::util::Hint;
use crate::util::text::indent_list;

/// An error of a change of an existing cluster: of its nodes, their start and stop, or loaded images.
///
/// ```no_run
/// use kipod_engine::{ChangeError, Cluster, Error, Role};
///
/// async fn add_control_plane(cluster: &Cluster) -> Result<(), Error> {
///     match cluster.add_node(Role::ControlPlane).await {
///         Err(Error::Change(ChangeError::OneControlPlane { cluster })) => {
///             println!("cluster `{cluster}` keeps its single control plane");
///             Ok(())
///         }
///         added => added.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Another process works on the cluster.
    #[error(transparent)]
    Lock(
        #[from]
        #[doc(hidden)]
        LockError,
    ),
    /// The cluster does not exist, or is not complete.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The cluster has no such node.
    #[error("node `{node}` not found in cluster `{cluster}`{}", list_of(.names))]
    NoNode {
        /// The cluster.
        cluster: ClusterName,
        /// The node.
        node: String,
        /// The cluster's nodes.
        names: Vec<String>,
    },
    /// Podman cannot list the nodes.
    #[error("cannot list the nodes")]
    List {
        /// The cause.
        source: PodmanError,
    },
    /// A Podman operation on a node failed.
    #[error("node `{node}`")]
    Podman {
        /// The node.
        node: String,
        /// The cause.
        source: PodmanError,
    },
    /// The cluster has no load balancer, which several control planes need.
    #[error(
        "cluster `{cluster}` was created with one control plane and has no load balancer for more"
    )]
    OneControlPlane {
        /// The cluster.
        cluster: ClusterName,
    },
    /// No name, address or pod CIDR is free.
    #[error("cluster `{cluster}` has no free address or pod CIDR for another node")]
    NoRoom {
        /// The cluster.
        cluster: ClusterName,
    },
    /// The cluster's only control plane cannot be removed.
    #[error("node `{node}` is the only control plane")]
    LastControlPlane {
        /// The node.
        node: String,
    },
    /// Without the node, etcd would lose its quorum.
    #[error(
        "cannot remove node `{node}`: etcd needs {needed} other running control planes, {others} running"
    )]
    Quorum {
        /// The node.
        node: String,
        /// The number of other control planes that are running.
        others: usize,
        /// The number of other control planes that must be running.
        needed: usize,
    },
    /// A stopped control plane cannot be removed.
    #[error("node `{node}` must be running: removing a control plane needs its etcd member")]
    NodeStopped {
        /// The node.
        node: String,
    },
    /// Containers of the cluster were removed by another program.
    #[error("podman has no {} of cluster `{cluster}`", containers_of(.containers))]
    MissingContainers {
        /// The cluster.
        cluster: ClusterName,
        /// The missing containers.
        containers: Vec<String>,
    },
    /// No control plane is running.
    #[error("no control plane of cluster `{cluster}` is running")]
    NotRunning {
        /// The cluster.
        cluster: ClusterName,
    },
    /// A command inside a node failed.
    #[error("node `{node}`: `podman exec {node} {command}` failed with status {status}{}", tail(.output))]
    Command {
        /// The node.
        node: String,
        /// The command.
        command: String,
        /// Its exit status.
        status: i64,
        /// Its standard error.
        output: String,
    },
    /// The cluster's record cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The cluster or the added node did not become ready.
    #[error(transparent)]
    NotReady(#[from] CreateError),
    /// No client for the cluster could be created.
    #[error(transparent)]
    Client(
        #[from]
        #[doc(hidden)]
        ClientError,
    ),
    /// Images could not be loaded.
    #[error(transparent)]
    Images(#[from] ImagesError),
}

impl ChangeError {
    pub(super) fn list(source: PodmanError) -> Self {
        Self::List { source }
    }
}

impl Hint for ChangeError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Lock(error) => error.hint(),
            Self::Open(error) => error.hint(),
            Self::OneControlPlane { .. } => {
                Some("create the cluster with `--control-planes 3`".into())
            }
            Self::NoRoom { .. } => Some("create the cluster with a larger pod subnet".into()),
            Self::LastControlPlane { .. } => {
                Some("`kipod delete cluster` deletes the cluster".into())
            }
            Self::Quorum { .. } => Some("start the others: `kipod start cluster`".into()),
            Self::NodeStopped { node } => Some(format!("run `kipod node start {node}`")),
            Self::MissingContainers { cluster, .. } => Some(format!(
                "the cluster cannot be started again: delete it with `kipod delete cluster {cluster}`"
            )),
            Self::NotRunning { cluster } => Some(format!("run `kipod start cluster {cluster}`")),
            Self::Record(error) => error.hint(),
            Self::Images(error) => error.hint(),
            Self::NoNode { cluster, .. } => {
                Some(format!("`kipod get nodes {cluster}` lists the nodes"))
            }
            Self::Client(_) | Self::Command { .. } => None,
            Self::List { source } | Self::Podman { source, .. } => source.hint(),
            Self::NotReady(CreateError::Timeout { .. }) => {
                Some("`kipod export logs` exports the logs of the nodes".to_owned())
            }
            Self::NotReady(error) => error.hint(),
        }
    }
}

/// Formats names of containers.
fn containers_of(names: &[String]) -> String {
    let kind = if names.len() == 1 { "container" } else { "containers" };
    format!("{kind} `{}`", names.join("`, `"))
}

/// Formats the nodes of a cluster for the end of a message.
fn list_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!(", which has {}", names.join(", ")),
    }
}

/// Formats the last 20 lines of a command's output.
fn tail(output: &str) -> String {
    let lines: Vec<String> = output.lines().map(str::to_owned).collect();
    indent_list(&lines[lines.len().saturating_sub(20)..])
}
