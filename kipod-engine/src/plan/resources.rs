//! Labels and directories of a cluster's resources.

use std::path::{Path, PathBuf};

use super::label;
use crate::podman::Labels;
use crate::spec::ClusterName;

/// Returns the labels of all Podman resources of a cluster.
pub fn labels(cluster: &ClusterName) -> Labels {
    Labels::from([(label::CLUSTER.to_owned(), cluster.to_string())])
}

/// Returns the host directory to which a container reports its progress. `cluster_dir` is the
/// cluster's directory.
pub fn status_dir(cluster_dir: &Path, container: &str) -> PathBuf {
    cluster_dir.join("nodes").join(container).join("status")
}

/// Returns the cluster's own image store. `cluster_dir` is the cluster's directory.
pub fn image_store(cluster_dir: &Path) -> PathBuf {
    cluster_dir.join("images")
}
