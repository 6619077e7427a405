//! Records of clusters: a JSON file in the directory of each cluster.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::kubernetes::{Role, Version};
use crate::lease::LeaseError;
use crate::node::CgroupMode;
use crate::plan::{NodeIdentity, control_plane_name, has_balancer, load_balancer_name};
use crate::spec::{ClusterName, ClusterSpec, Protocol};
use crate::util::bounded::{self, TEXT_LIMIT};
use crate::util::{Hint, fs};

/// The record of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The cluster's name.
    pub name: ClusterName,
    /// The Kubernetes version.
    pub kubernetes_version: Version,
    /// The node image's reference when it was created.
    pub image: String,
    /// The specification it was created with.
    #[serde(default)]
    pub spec: ClusterSpec,
    /// The nodes.
    #[serde(default)]
    pub nodes: Vec<NodeIdentity>,
    /// The node that is being added or removed. If the cluster is not locked, the change was interrupted,
    /// and the next change removes the node.
    #[serde(default)]
    pub changing: Option<NodeIdentity>,
    /// The host port of the API server.
    pub api_port: u16,
    /// The host address at which node ports are published, if any.
    #[serde(default)]
    pub service_address: Option<Ipv4Addr>,
    /// The cgroup mode, which determines whether resource limits of pods are enforced.
    pub cgroups: CgroupMode,
    /// The time when creation began, in seconds since the Unix epoch.
    pub created: i64,
    /// The user's kubeconfig files that were changed for the cluster.
    pub kubeconfig: Vec<PathBuf>,
    /// `true` if the creation is complete. If it is `false` and the cluster is not locked, the creation or
    /// deletion was interrupted.
    pub complete: bool,
}

/// An error of a cluster's record: the file with the specification, the nodes and the state of the cluster,
/// in kipod's state directory.
///
/// ```no_run
/// use kipod_engine::{Engine, Error, Hint, RecordError};
///
/// async fn list(engine: &Engine) -> Result<(), Error> {
///     match engine.clusters().await {
///         Err(Error::Record(error @ RecordError::Invalid { .. })) => {
///             eprintln!("{error}; {}", error.hint().unwrap_or_default());
///             Ok(())
///         }
///         clusters => clusters.map(|clusters| println!("{} clusters", clusters.len())),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A file cannot be read or written.
    #[error("cannot access `{}`", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a cluster record.
    #[error("`{}` is not a cluster record", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
}

impl From<LeaseError> for RecordError {
    fn from(LeaseError { path, source }: LeaseError) -> Self {
        Self::Io { path, source }
    }
}

impl Hint for RecordError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } => None,
            Self::Invalid { .. } => {
                Some("`kipod delete cluster NAME` deletes the cluster".to_owned())
            }
        }
    }
}

/// Returns the directory of the cluster `name`.
pub fn cluster_dir(state: &Path, name: &ClusterName) -> PathBuf {
    state.join("clusters").join(name.as_str())
}

/// Returns the file of the cluster's own kubeconfig.
pub fn kubeconfig_path(state: &Path, name: &ClusterName) -> PathBuf {
    cluster_dir(state, name).join("kubeconfig")
}

impl Record {
    /// Returns a text that distinguishes the cluster from an earlier or later one of the same name.
    pub fn identity(&self) -> String {
        format!("{}-{}", self.created, self.api_port)
    }

    /// Reads the record of `name`; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// When it exists but cannot be read.
    pub fn read(state: &Path, name: &ClusterName) -> Result<Option<Self>, RecordError> {
        let path = file(state, name);
        let bytes = match bounded::read(&path, TEXT_LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RecordError::Io { path, source }),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| RecordError::Invalid { path, source })
    }

    /// Returns the name of the first control plane; without nodes, its name at creation.
    pub fn control_plane(&self) -> String {
        let mut nodes = self.nodes.iter();
        let found = nodes.find(|identity| identity.role == Role::ControlPlane);
        found.map_or_else(|| control_plane_name(&self.name), |identity| identity.name.clone())
    }

    /// Returns the names of all containers, which are also the names of their volumes.
    pub(crate) fn containers(&self) -> impl Iterator<Item = String> {
        let nodes = self.nodes.iter().map(|identity| identity.name.clone());
        nodes.chain(has_balancer(&self.spec).then(|| load_balancer_name(&self.name)))
    }

    /// Returns the addresses of the host at which its containers publish TCP ports, one for each container
    /// that publishes any.
    pub(crate) fn published_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let api = SocketAddr::new(self.spec.networking.api_server_address, self.api_port);
        let mappings = self.spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
        let tcp = mappings.filter(|mapping| mapping.protocol == Protocol::Tcp);
        let mapped =
            tcp.filter_map(|one| Some(SocketAddr::new(one.listen_address, one.host_port?)));
        std::iter::once(api).chain(mapped)
    }

    /// Returns whether a creation, deletion or change of nodes was interrupted, provided the cluster is not
    /// locked.
    pub(crate) fn is_interrupted(&self) -> bool {
        !self.complete || self.changing.is_some()
    }

    /// Writes the record atomically.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, state: &Path) -> Result<(), RecordError> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        write_private(&file(state, &self.name), &text)
    }

    /// Returns all clusters with a directory, each with its record if that can be read.
    ///
    /// # Errors
    ///
    /// When the directory of clusters cannot be read.
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

/// Marks a failed cluster as retained for inspection.
pub(crate) fn retain(state: &Path, name: &ClusterName) {
    // Without the mark it counts as interrupted, and the next `create` removes it in both cases.
    let _ = std::fs::write(cluster_dir(state, name).join(RETAINED), "");
}

/// Removes the mark, because the cluster is being removed.
pub(crate) fn unretain(state: &Path, name: &ClusterName) {
    let _ = std::fs::remove_file(cluster_dir(state, name).join(RETAINED));
}

/// Returns whether a failed cluster is retained.
pub(crate) fn is_retained(state: &Path, name: &ClusterName) -> bool {
    cluster_dir(state, name).join(RETAINED).exists()
}

const RETAINED: &str = "retained";

/// Writes a file with mode 0600 atomically.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    fs::write_private(path, bytes)
        .map_err(|source| RecordError::Io { path: path.to_owned(), source })
}

fn file(state: &Path, name: &ClusterName) -> PathBuf {
    record_path(&cluster_dir(state, name))
}

/// Returns the file of the record in a cluster's directory.
pub(super) fn record_path(cluster_dir: &Path) -> PathBuf {
    cluster_dir.join("cluster.json")
}
