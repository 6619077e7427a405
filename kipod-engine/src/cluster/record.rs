//! What the host remembers of a cluster: a small file in the cluster's own folder.

use crate::util::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::kubernetes::{Role, Version};
use crate::lease::LeaseError;
use crate::node::CgroupMode;
use crate::plan::{NodeIdentity, control_plane_name, has_balancer, load_balancer_name};
use crate::spec::{ClusterName, ClusterSpec};

/// The record of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The cluster's name.
    pub name: ClusterName,
    /// The Kubernetes version.
    pub kubernetes_version: Version,
    /// The node image's reference when it was created.
    pub image: String,
    /// What was asked for when it was created.
    #[serde(default)]
    pub spec: ClusterSpec,
    /// Its nodes, each with its place.
    #[serde(default)]
    pub nodes: Vec<NodeIdentity>,
    /// The node that is being added or removed; where nobody holds the cluster's lock, that was cut
    /// off, and whoever comes next takes the rest of it away.
    #[serde(default)]
    pub changing: Option<NodeIdentity>,
    /// The host's port of the API server.
    pub api_port: u16,
    /// The host's address at which its Services are reached; `None` where it has none.
    #[serde(default)]
    pub service_address: Option<Ipv4Addr>,
    /// Whether limits of pods hold.
    pub cgroups: CgroupMode,
    /// When creation began, in seconds since the Unix epoch.
    pub created: i64,
    /// The user's kubeconfig files, one of which was given an entry; empty before that, or when
    /// none was.
    pub kubeconfig: Vec<PathBuf>,
    /// Whether creation came to its end. A record that says no, with nobody holding the cluster's
    /// lock, is what a killed kipod left.
    pub complete: bool,
}

/// A record that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file system refused.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no record.
    #[error("`{}` is no cluster record: {source}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl From<LeaseError> for RecordError {
    fn from(LeaseError { path, source }: LeaseError) -> Self {
        Self::Io { path, source }
    }
}

impl RecordError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } => None,
            Self::Invalid { .. } => {
                Some("`kipod delete cluster NAME` removes such a cluster whole")
            }
        }
    }
}

/// The folder that holds all that the host keeps of the cluster `name`.
pub fn cluster_dir(state: &Path, name: &ClusterName) -> PathBuf {
    state.join("clusters").join(name.as_str())
}

/// The cluster's own kubeconfig file, which is there whatever happens to the user's.
pub fn kubeconfig_path(state: &Path, name: &ClusterName) -> PathBuf {
    cluster_dir(state, name).join("kubeconfig")
}

impl Record {
    /// What tells the cluster from another one of its name, before or after it.
    pub fn identity(&self) -> String {
        format!("{}-{}", self.created, self.api_port)
    }

    /// Reads the record of `name`; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When it is there but cannot be read.
    pub fn read(state: &Path, name: &ClusterName) -> Result<Option<Self>, RecordError> {
        let path = file(state, name);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RecordError::Io { path, source }),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| RecordError::Invalid { path, source })
    }

    /// The name of its first control plane; of a record without nodes, the one it had at first.
    pub fn control_plane(&self) -> String {
        let mut nodes = self.nodes.iter();
        let found = nodes.find(|identity| identity.role == Role::ControlPlane);
        found.map_or_else(|| control_plane_name(&self.name), |identity| identity.name.clone())
    }

    /// The names of all its containers, which are those of their volumes too.
    pub(crate) fn containers(&self) -> impl Iterator<Item = String> {
        let nodes = self.nodes.iter().map(|identity| identity.name.clone());
        nodes.chain(has_balancer(&self.spec).then(|| load_balancer_name(&self.name)))
    }

    /// Whether, as nobody holds the cluster's lock, a creation, a removal or a change of nodes was cut off.
    pub(crate) fn is_cut_off(&self) -> bool {
        !self.complete || self.changing.is_some()
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub fn write(&self, state: &Path) -> Result<(), RecordError> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        write_private(&file(state, &self.name), &text)
    }

    /// Every cluster that the host has a folder of, with its record where that can be read.
    ///
    /// # Errors
    ///
    /// When the folder of clusters cannot be read.
    pub fn all(state: &Path) -> Result<Vec<(ClusterName, Option<Self>)>, RecordError> {
        let path = state.join("clusters");
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(RecordError::Io { path, source }),
        };
        let mut found: Vec<_> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<ClusterName>().ok())
            .map(|name| {
                let record = Self::read(state, &name).ok().flatten();
                (name, record)
            })
            .collect();
        found.sort_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
        Ok(found)
    }
}

/// Notes that a cluster was left half-made because its user wants to look at it.
pub(crate) fn retain(state: &Path, name: &ClusterName) {
    // Without the note it only counts as cut off, which the next `create` takes it for as well.
    let _ = std::fs::write(cluster_dir(state, name).join(RETAINED), "");
}

/// Forgets that, because the cluster is being removed.
pub(crate) fn unretain(state: &Path, name: &ClusterName) {
    let _ = std::fs::remove_file(cluster_dir(state, name).join(RETAINED));
}

/// Whether a cluster was left half-made on purpose.
pub(crate) fn is_retained(state: &Path, name: &ClusterName) -> bool {
    cluster_dir(state, name).join(RETAINED).exists()
}

const RETAINED: &str = "retained";

/// Writes a file that only its owner may read, by way of a temporary one beside it.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    fs::write_private(path, bytes)
        .map_err(|source| RecordError::Io { path: path.to_owned(), source })
}

fn file(state: &Path, name: &ClusterName) -> PathBuf {
    record_path(&cluster_dir(state, name))
}

/// The file of the record in a cluster's folder.
pub(super) fn record_path(cluster_dir: &Path) -> PathBuf {
    cluster_dir.join("cluster.json")
}
