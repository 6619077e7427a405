//! Existing clusters: records, lists, logs, image stores and removal.

mod list;
mod logs;
pub(crate) mod phases;
mod record;
pub(crate) mod store;
mod teardown;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::kubeconfig::{Kubeconfig, KubeconfigError, UserKubeconfig};
use crate::lease::{LockError, NameLock};
use crate::node::API_PORT;
use crate::plan::{has_balancer, load_balancer_addresses};
use crate::spec::ClusterName;
use crate::util::Hint;
use crate::util::bounded::{self, TEXT_LIMIT};
use crate::util::dirs::Dirs;

pub use list::{
    ClusterDetails, ClusterState, ClusterSummary, NodeSummary, clusters, names_in_podman, nodes,
};
pub(crate) use list::{containers, held_image_names};
pub(crate) use logs::mask_passwords;
pub use logs::{LogsError, export_logs};
pub use record::{Record, RecordError, cluster_dir, kubeconfig_path};
pub(crate) use record::{is_retained, retain, write_private};
pub use teardown::{RemoveError, remove, remove_if};
pub(crate) use teardown::{SETTLE_TIME, find, remove_from_podman, remove_locked, settle};

/// A complete cluster: its record and its kubeconfig.
#[derive(Debug, Clone)]
pub struct ClusterEntry {
    record: Record,
    kubeconfig_path: PathBuf,
}

/// An error of the opening of a cluster: it is missing, or its creation is not complete.
///
/// ```no_run
/// use kipod_engine::{Cluster, ClusterSpec, Engine, Error, OpenError};
///
/// /// Opens the cluster of a specification, which is created if it is missing.
/// async fn open_or_create(engine: &Engine, spec: ClusterSpec) -> Result<Cluster, Error> {
///     match engine.cluster(&spec.name) {
///         Err(Error::Open(OpenError::Missing { .. })) => engine.create(spec).await,
///         opened => opened,
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The cluster does not exist.
    #[error("cluster `{name}` not found")]
    Missing {
        /// The name.
        name: ClusterName,
    },
    /// The cluster's creation is not complete.
    #[error("cluster `{name}` is not complete: its creation is in progress or was interrupted")]
    Incomplete {
        /// The name.
        name: ClusterName,
    },
    /// Its record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Hint for OpenError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { name } => Some(format!(
                "list clusters with `kipod get clusters`, or create it with `kipod create cluster {name}`"
            )),
            Self::Incomplete { name } => {
                Some(format!("wait, or run `kipod delete cluster {name}`"))
            }
            Self::Record(error) => error.hint(),
        }
    }
}

impl ClusterEntry {
    pub(crate) fn new(record: Record, dirs: &Dirs) -> Self {
        let kubeconfig_path = kubeconfig_path(&dirs.state, &record.name);
        Self { record, kubeconfig_path }
    }

    /// Opens the cluster of that name.
    ///
    /// # Errors
    ///
    /// When the cluster does not exist, or is not complete.
    pub fn open(dirs: &Dirs, name: &ClusterName) -> Result<Self, OpenError> {
        let record = Record::read(&dirs.state, name)?
            .ok_or_else(|| OpenError::Missing { name: name.clone() })?;
        if !record.complete {
            return Err(OpenError::Incomplete { name: name.clone() });
        }
        Ok(Self::new(record, dirs))
    }

    /// Returns the name.
    pub fn name(&self) -> &ClusterName {
        &self.record.name
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Returns the file of the cluster's own kubeconfig.
    pub fn kubeconfig_path(&self) -> &std::path::Path {
        &self.kubeconfig_path
    }

    /// Reads the cluster's own kubeconfig, as YAML.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn kubeconfig(&self) -> Result<String, RecordError> {
        bounded::read_text(&self.kubeconfig_path, TEXT_LIMIT)
            .map_err(|source| RecordError::Io { path: self.kubeconfig_path.clone(), source })
    }

    /// Returns a kubeconfig for containers in the node network, as YAML: its server is the load balancer,
    /// or the first control plane.
    ///
    /// # Errors
    ///
    /// When the cluster's own kubeconfig cannot be read.
    pub fn internal_kubeconfig(&self) -> Result<String, InternalKubeconfigError> {
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig()?)?;
        let record = &self.record;
        let family = record.spec.networking.ip_family;
        let (address, tls_server_name) = if has_balancer(&record.spec) {
            (load_balancer_addresses(family, &record.nodes).into_iter().next(), None)
        } else {
            // The certificate of a single control plane has its name, and no address of the network.
            let name = record.control_plane();
            let node = record.nodes.iter().find(|node| node.name == name);
            (node.map(|node| node.addresses(family)[0]), Some(name))
        };
        let address = address.ok_or(InternalKubeconfigError::NoAddress)?;
        let server = format!("https://{}", SocketAddr::new(address, API_PORT));
        Ok(kubeconfig.with_server(server, tls_server_name).to_yaml())
    }

    /// Adds the cluster to the user's kubeconfig, and records that, so that deleting the cluster removes
    /// the entry.
    ///
    /// # Errors
    ///
    /// When the cluster's or the user's kubeconfig cannot be read or written.
    pub fn export_kubeconfig(&self, dirs: &Dirs, user: &UserKubeconfig) -> Result<(), ExportError> {
        let _lock = NameLock::take(&dirs.state, self.name())?;
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig()?)?;
        let mut record = Self::open(dirs, self.name())?.record;
        let prepared = user.prepare_merge(&kubeconfig)?;
        for file in prepared.changed_files() {
            if !record.kubeconfig.iter().any(|recorded| recorded == file) {
                record.kubeconfig.push(file.to_owned());
            }
        }
        record.write(&dirs.state)?;
        prepared.apply()?;
        Ok(())
    }
}

/// An error of the addition of a cluster to the user's kubeconfig.
///
/// ```no_run
/// use kipod_engine::{Cluster, Error, ExportError, UserKubeconfig};
///
/// /// Adds the cluster to the user's kubeconfig, or to a file where that is not possible.
/// fn export(cluster: &Cluster) -> Result<(), Error> {
///     match cluster.export_kubeconfig(&UserKubeconfig::from_env(None)?) {
///         Err(Error::ExportKubeconfig(ExportError::Kubeconfig(error))) => {
///             eprintln!("warning: {error}");
///             cluster.export_kubeconfig(&UserKubeconfig::at("kubeconfig"))
///         }
///         exported => exported,
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Another process works on the cluster.
    #[error(transparent)]
    Lock(
        #[from]
        #[doc(hidden)]
        LockError,
    ),
    /// The cluster does not exist any more.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The cluster's own files cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A kubeconfig cannot be read or written.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
}

impl Hint for ExportError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Lock(error) => error.hint(),
            Self::Open(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Kubeconfig(error) => error.hint(),
        }
    }
}

/// The kubeconfig for containers in the node network cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InternalKubeconfigError {
    /// The cluster's own kubeconfig cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The cluster's own kubeconfig is malformed.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The record does not have the addresses of nodes, as those of older versions of kipod.
    #[error("the record of the cluster has no addresses of nodes")]
    NoAddress,
}

impl Hint for InternalKubeconfigError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Record(error) => error.hint(),
            Self::Kubeconfig(error) => error.hint(),
            Self::NoAddress => Some("create the cluster again".to_owned()),
        }
    }
}

/// Parses any record or status of a node, for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn parse_any(bytes: &[u8]) {
    let _ = serde_json::from_slice::<Record>(bytes);
    let _ = phases::parse(&String::from_utf8_lossy(bytes));
}
