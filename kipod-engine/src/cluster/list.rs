//! Which clusters and nodes there are.

use serde::Serialize;

use super::record::{Record, RecordError};
use crate::dirs::Dirs;
use crate::lease::NameLock;
use crate::plan::label;
use crate::podman::{Podman, PodmanError};
use crate::spec::ClusterName;

/// How far a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterState {
    /// It was created whole.
    Created,
    /// Somebody is creating or deleting it.
    Busy,
    /// Its creation was cut off; `create` and `delete` clean up.
    Broken,
}

/// A cluster, as a line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterSummary {
    /// Its name.
    pub name: ClusterName,
    /// How far it is.
    pub state: ClusterState,
    /// Its record, where it can be read.
    #[serde(flatten)]
    pub details: Option<ClusterDetails>,
}

/// What a list shows of a cluster besides its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterDetails {
    /// The Kubernetes version.
    pub kubernetes_version: String,
    /// The host's port of the API server.
    pub api_port: u16,
    /// When it was created, in seconds since the Unix epoch.
    pub created: i64,
}

/// A node, as a line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeSummary {
    /// Its name.
    pub name: String,
    /// The cluster it belongs to.
    pub cluster: String,
    /// Its role: `control-plane`, `worker` or `load-balancer`.
    pub role: String,
    /// Podman's word for the state of its container.
    pub state: String,
    /// The Kubernetes version.
    pub kubernetes_version: String,
}

/// Every cluster of this user, by name. Asks the host's records only, and no Podman: it takes
/// milliseconds, and works while Podman does not.
///
/// # Errors
///
/// When the folder of clusters cannot be read.
pub fn clusters(dirs: &Dirs) -> Result<Vec<ClusterSummary>, RecordError> {
    let summary = |(name, record): (ClusterName, Option<Record>)| {
        let complete = record.as_ref().is_some_and(|record| record.complete);
        let state = match complete {
            true => ClusterState::Created,
            false if NameLock::is_taken(&dirs.state, &name) => ClusterState::Busy,
            false => ClusterState::Broken,
        };
        let details = record.map(|record| ClusterDetails {
            kubernetes_version: record.kubernetes_version,
            api_port: record.api_port,
            created: record.created,
        });
        ClusterSummary { name, state, details }
    };
    Ok(Record::all(&dirs.state)?.into_iter().map(summary).collect())
}

/// The nodes of one cluster, or of all.
///
/// # Errors
///
/// When Podman does not answer.
pub async fn nodes(
    podman: &dyn Podman,
    cluster: Option<&ClusterName>,
) -> Result<Vec<NodeSummary>, PodmanError> {
    let filter = match cluster {
        Some(name) => format!("{}={name}", label::CLUSTER),
        None => label::CLUSTER.to_owned(),
    };
    let mut found: Vec<NodeSummary> = podman
        .containers(&filter)
        .await?
        .into_iter()
        .map(|container| {
            let label = |key: &str| container.labels.get(key).cloned().unwrap_or_default();
            NodeSummary {
                cluster: label(label::CLUSTER),
                role: label(label::ROLE),
                kubernetes_version: label(label::KUBERNETES_VERSION),
                name: container.name,
                state: container.state,
            }
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The names of all clusters that Podman has anything of, known to the records or not.
///
/// # Errors
///
/// When Podman does not answer.
pub async fn names_in_podman(podman: &dyn Podman) -> Result<Vec<ClusterName>, PodmanError> {
    let containers = podman.containers(label::CLUSTER).await?;
    let volumes = podman.volumes(label::CLUSTER).await?;
    let networks = podman.networks(label::CLUSTER).await?;
    let labels = containers
        .iter()
        .map(|one| &one.labels)
        .chain(volumes.iter().map(|one| &one.labels))
        .chain(networks.iter().map(|one| &one.labels));
    Ok(labels.filter_map(|labels| labels.get(label::CLUSTER)?.parse().ok()).collect())
}
