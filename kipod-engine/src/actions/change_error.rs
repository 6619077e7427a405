//! Why a cluster or a node could not be stopped, started, added or removed.

use crate::actions::create::CreateError;
use crate::actions::load::ImagesError;
use crate::cluster::{OpenError, RecordError};
use crate::kubeconfig::client::ClientError;
use crate::lease::LockError;
use crate::podman::PodmanError;
use crate::spec::ClusterName;
use crate::util::Hint;

/// Something could not be done to a cluster that is there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Another process works on the cluster.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is no such cluster, or it is not complete.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The cluster has no such node.
    #[error("cluster `{cluster}` has no node `{node}`: it has {}", names.join(", "))]
    NoNode {
        /// The cluster.
        cluster: ClusterName,
        /// The node.
        node: String,
        /// The nodes it has.
        names: Vec<String>,
    },
    /// Podman did not say what there is.
    #[error("cannot list the nodes: {source}")]
    List {
        /// Why.
        source: PodmanError,
    },
    /// Podman refused.
    #[error("node `{node}`: {source}")]
    Podman {
        /// The node.
        node: String,
        /// Why.
        source: PodmanError,
    },
    /// The cluster has one control plane only, and so nothing in front of it that could know of more.
    #[error("cluster `{cluster}` was created with one control plane: it cannot get more")]
    OneControlPlane {
        /// The cluster.
        cluster: ClusterName,
    },
    /// Every name, address or part of the pod subnet is taken.
    #[error("cluster `{cluster}` has no room for another node")]
    NoRoom {
        /// The cluster.
        cluster: ClusterName,
    },
    /// A cluster without a control plane is none.
    #[error("node `{node}` is the only control plane")]
    LastControlPlane {
        /// The node.
        node: String,
    },
    /// Without the node etcd would not have a majority any more.
    #[error(
        "node `{node}` cannot go: {others} other control planes run, and etcd needs {needed} to let it go"
    )]
    Quorum {
        /// The node.
        node: String,
        /// How many others run.
        others: usize,
        /// How many have to.
        needed: usize,
    },
    /// The node has to run for that.
    #[error("node `{node}` does not run, and has to: a control plane leaves etcd by itself")]
    Asleep {
        /// The node.
        node: String,
    },
    /// No control plane runs.
    #[error("no control plane of cluster `{cluster}` runs")]
    NotRunning {
        /// The cluster.
        cluster: ClusterName,
    },
    /// A command inside a node failed.
    #[error("node `{node}`: `podman exec {node} {command}` ended with status {status}{}", tail(.output))]
    Command {
        /// The node.
        node: String,
        /// The command.
        command: String,
        /// Its exit status.
        status: i64,
        /// The last it wrote to standard error.
        output: String,
    },
    /// The cluster's record cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The cluster, or the node that was added, did not become what it has to be.
    #[error(transparent)]
    NotReady(#[from] CreateError),
    /// No client could be made for the cluster.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Images could not be loaded.
    #[error(transparent)]
    Images(#[from] ImagesError),
}

impl ChangeError {
    pub(super) fn list(source: PodmanError) -> Self {
        Self::List { source }
    }

    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Lock(error) => crate::Hint::hint(error),
            Self::Open(error) => error.hint(),
            Self::OneControlPlane { .. } => {
                Some("create it with `--control-planes 3`, and there is a load balancer".into())
            }
            Self::NoRoom { .. } => Some("a larger pod subnet has room for more".into()),
            Self::LastControlPlane { .. } => {
                Some("`kipod delete cluster` deletes the whole cluster".into())
            }
            Self::Quorum { .. } => Some("start the others: `kipod start cluster`".into()),
            Self::Asleep { node } => Some(format!("run `kipod node start {node}`")),
            Self::NotRunning { cluster } => Some(format!("run `kipod start cluster {cluster}`")),
            Self::Record(error) => error.hint().map(str::to_owned),
            Self::Images(error) => error.hint(),
            Self::NoNode { .. } | Self::Client(_) | Self::Command { .. } => None,
            Self::List { source } | Self::Podman { source, .. } => source.hint(),
            Self::NotReady(CreateError::Timeout { .. }) => {
                Some("`kipod export logs` writes what its nodes said".to_owned())
            }
            Self::NotReady(error) => error.hint(),
        }
    }
}

/// The end of what a command printed.
fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    let last = &lines[lines.len().saturating_sub(20)..];
    last.iter().map(|line| format!("\n  {line}")).collect()
}
