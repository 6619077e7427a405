//! Why a cluster could not be created.

use std::time::Duration;

use crate::cluster::{RecordError, RemoveError};
use crate::kubeconfig::KubeconfigError;
use crate::kubeconfig::client::ClientError;
use crate::lease::LockError;
use crate::node::PatchError;
use crate::node_image::NodeImageError;
use crate::pki::PkiError;
use crate::podman::PodmanError;
use crate::spec::ClusterName;
use crate::util::Hint;
use crate::util::text::indent_list;

use crate::actions::load::ImagesError;

/// Creating a cluster failed. Nothing of it is left, unless the error says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A cluster of that name is there.
    #[error("cluster `{name}` exists already")]
    Exists {
        /// The name.
        name: ClusterName,
    },
    /// Podman has things of a cluster of that name, which this user's records do not know.
    #[error("podman has {what} of a cluster `{name}` that kipod has no record of")]
    Unrecorded {
        /// The name.
        name: ClusterName,
        /// One of the things.
        what: String,
    },
    /// Another process works on that name.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The node image cannot be used.
    #[error(transparent)]
    Image(#[from] NodeImageError),
    /// Versions of node images do not go together. None was started.
    #[error("the nodes' Kubernetes versions do not go together:{}", indent_list(.faults))]
    Skew {
        /// Each node whose version is wrong, and why.
        faults: Vec<String>,
    },
    /// What of the host the cluster asks for is not there, or taken. Nothing was started.
    #[error("this machine does not have what was asked for:{}", indent_list(.faults))]
    Outside {
        /// Each mount or port, and why.
        faults: Vec<String>,
    },
    /// Images to be preloaded could not be had or copied.
    #[error("preload: {0}")]
    Preload(#[from] ImagesError),
    /// A patch of kubeadm's documents does not apply. Nothing was started.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The credentials could not be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The cluster's folder cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// No subnet is free for the nodes.
    #[error("every node subnet from 10.89.0.0/24 to 10.89.255.0/24 is in use")]
    NoSubnet,
    /// The port asked for is taken, or none is free.
    #[error("the API server cannot listen on {address}: {source}")]
    Port {
        /// Address and port.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Podman refused.
    #[error("node `{node}`: {source}")]
    Podman {
        /// The node.
        node: String,
        /// Why.
        source: PodmanError,
    },
    /// Something went wrong inside a node.
    #[error("node `{node}`: {step} failed{}", journal_text(.journal))]
    NodeFailed {
        /// The node.
        node: String,
        /// What the node was doing.
        step: String,
        /// The ends of the journals that may say why.
        journal: String,
    },
    /// A node's container ended.
    #[error("node `{node}` ended while {during}{}", journal_text(.output))]
    NodeEnded {
        /// The node.
        node: String,
        /// What was waited for.
        during: &'static str,
        /// The last it printed.
        output: String,
    },
    /// Something did not come about in time.
    #[error("gave up after {} while {during}:{}", seconds(.waited), indent_list(.missing))]
    Timeout {
        /// How long was waited.
        waited: Duration,
        /// What was waited for.
        during: &'static str,
        /// What was still missing.
        missing: Vec<String>,
    },
    /// No client could be made for the new cluster.
    #[error("cluster `{name}`: {source}")]
    Client {
        /// The cluster.
        name: ClusterName,
        /// Why.
        source: Box<ClientError>,
    },
    /// The default StorageClass could not be installed.
    #[error("cluster `{name}`: cannot install the default StorageClass: {source}")]
    Storage {
        /// The cluster.
        name: ClusterName,
        /// Why.
        source: kube::Error,
    },
    /// The node image has no metrics-server. Nothing was started.
    #[error("node image `{image}` was built without metrics-server, which the cluster shall have")]
    NoMetrics {
        /// The first control plane's image.
        image: String,
    },
    /// metrics-server would have nothing to tell. Nothing was started.
    #[error(
        "metrics need the cpu, memory and pids controllers, which are not all delegated to you: kubelet would count no memory, and metrics-server never become ready"
    )]
    NothingToMeasure,
    /// metrics-server could not be installed.
    #[error("cluster `{name}`: cannot install metrics-server: {source}")]
    Metrics {
        /// The cluster.
        name: ClusterName,
        /// Why.
        source: kube::Error,
    },
    /// The user's kubeconfig could not be changed. The cluster is kept.
    #[error("cluster `{name}` is up, but your kubeconfig could not be written: {source}")]
    Kubeconfig {
        /// The cluster.
        name: ClusterName,
        /// Why.
        source: KubeconfigError,
    },
    /// Somebody asked to stop.
    #[error("creation of cluster `{name}` was interrupted")]
    Cancelled {
        /// The name.
        name: ClusterName,
    },
    /// What an earlier attempt left could not be removed.
    #[error("cannot remove what is left of cluster `{name}`: {source}")]
    CleanUp {
        /// The name.
        name: ClusterName,
        /// Why.
        source: Box<RemoveError>,
    },
}

impl CreateError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { name } => Some(format!(
                "use it (`kipod export kubeconfig {name}`), delete it (`kipod delete cluster {name}`), or take another name"
            )),
            Self::Unrecorded { name, .. } | Self::CleanUp { name, .. } => {
                Some(format!("run `kipod delete cluster {name}`"))
            }
            Self::Lock(error) => crate::Hint::hint(error),
            Self::Image(error) => error.hint(),
            Self::Preload(error) => error.hint(),
            Self::NothingToMeasure => {
                Some("`kipod check` says how to delegate them; or leave out `metrics`".into())
            }
            Self::NoMetrics { .. } => Some(
                "put the program `metrics-server` into the component bundle's `bin/`, and run `kipod build node-image`".into(),
            ),
            Self::NoSubnet => {
                Some("delete clusters, or networks with `podman network prune`".into())
            }
            Self::Port { .. } => Some("leave out the port, and kipod takes a free one".into()),
            Self::Podman { source, .. } => source.hint(),
            // Its first process died, of which systemd seldom can say more.
            Self::NodeEnded { .. } => Some(
                "see what `kipod check` warns of, such as few inotify instances; `--retain` keeps the nodes for a look".into(),
            ),
            Self::NodeFailed { .. } | Self::Timeout { .. } => Some(
                "`--retain` keeps the nodes for a look: `kipod export logs`, `kipod exec`".into(),
            ),
            Self::Kubeconfig { name, source } => {
                Some(format!("{}, then run `kipod export kubeconfig {name}`", crate::Hint::hint(source).unwrap_or_default()))
            }
            Self::Record(error) => error.hint().map(str::to_owned),
            _ => None,
        }
    }
}

fn journal_text(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(":\n  {}", text.replace('\n', "\n  ")) }
}

fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs())
}
