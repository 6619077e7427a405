//! A cluster that is there: the handle people hold, and the way it is removed.

mod list;
mod logs;
pub(crate) mod phases;
mod record;
pub(crate) mod store;
mod teardown;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::kubeconfig::client::{self, ClientError};
use crate::kubeconfig::{Kubeconfig, KubeconfigError, UserKubeconfig};
use crate::lease::{LockError, NameLock};
use crate::spec::ClusterName;
use crate::util::dirs::Dirs;

pub(crate) use list::containers;
pub use list::{
    ClusterDetails, ClusterState, ClusterSummary, NodeSummary, clusters, names_in_podman, nodes,
};
pub use logs::{LogsError, export_logs};
pub use record::{Record, RecordError, cluster_dir, kubeconfig_path};
pub(crate) use record::{is_retained, retain, write_private};
pub use teardown::{RemoveError, remove, remove_if};
pub(crate) use teardown::{find, remove_from_podman, remove_locked, settle};

/// A cluster that has been created.
#[derive(Debug, Clone)]
pub struct Cluster {
    record: Record,
    kubeconfig_path: PathBuf,
}

/// A cluster that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none of that name.
    #[error("there is no cluster `{name}`")]
    Missing {
        /// The name.
        name: ClusterName,
    },
    /// Its creation has not come to its end.
    #[error("cluster `{name}` is not complete: its creation is under way, or was cut off")]
    Incomplete {
        /// The name.
        name: ClusterName,
    },
    /// Its record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl OpenError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { name } => Some(format!(
                "`kipod get clusters` lists them, `kipod create cluster {name}` makes it"
            )),
            Self::Incomplete { name } => {
                Some(format!("wait, or run `kipod delete cluster {name}`"))
            }
            Self::Record(_) => None,
        }
    }
}

impl Cluster {
    pub(crate) fn new(record: Record, dirs: &Dirs) -> Self {
        let kubeconfig_path = kubeconfig_path(&dirs.state, &record.name);
        Self { record, kubeconfig_path }
    }

    /// The cluster of that name.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not complete.
    pub fn open(dirs: &Dirs, name: &ClusterName) -> Result<Self, OpenError> {
        let record = Record::read(&dirs.state, name)?
            .ok_or_else(|| OpenError::Missing { name: name.clone() })?;
        if !record.complete {
            return Err(OpenError::Incomplete { name: name.clone() });
        }
        Ok(Self::new(record, dirs))
    }

    /// Its name.
    pub fn name(&self) -> &ClusterName {
        &self.record.name
    }

    /// What the host remembers of it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The file with its own kubeconfig.
    pub fn kubeconfig_path(&self) -> &std::path::Path {
        &self.kubeconfig_path
    }

    /// Its kubeconfig, as YAML.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn kubeconfig(&self) -> Result<String, RecordError> {
        std::fs::read_to_string(&self.kubeconfig_path)
            .map_err(|source| RecordError::Io { path: self.kubeconfig_path.clone(), source })
    }

    /// Adds the cluster to the user's kubeconfig, and remembers that, so that it is taken out again
    /// when the cluster is deleted.
    ///
    /// # Errors
    ///
    /// When the cluster's or the user's kubeconfig cannot be read or written.
    pub fn export_kubeconfig(&self, dirs: &Dirs, user: &UserKubeconfig) -> Result<(), ExportError> {
        let _lock = NameLock::take(&dirs.state, self.name())?;
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig()?)?;
        let mut record = Self::open(dirs, self.name())?.record;
        for file in user.files() {
            if !record.kubeconfig.contains(file) {
                record.kubeconfig.push(file.clone());
            }
        }
        record.write(&dirs.state)?;
        user.merge(&kubeconfig)?;
        Ok(())
    }

    /// A new client with the administrator's rights, for the runtime this is called in.
    ///
    /// # Errors
    ///
    /// When the kubeconfig cannot be read or used.
    pub async fn client(&self) -> Result<kube::Client, ConnectError> {
        Ok(client::connect(&self.kubeconfig()?).await?)
    }
}

/// A kubeconfig that could not be given to the user.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Somebody is deleting it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It is not there any more.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The cluster's own files cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A kubeconfig cannot be read or written.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
}

impl ExportError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Lock(error) => crate::Hint::hint(error),
            Self::Open(error) => error.hint(),
            Self::Record(error) => error.hint().map(str::to_owned),
            Self::Kubeconfig(error) => crate::Hint::hint(error),
        }
    }
}

/// A cluster that no client can be made for.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Its kubeconfig cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its kubeconfig cannot be used.
    #[error(transparent)]
    Client(#[from] ClientError),
}
