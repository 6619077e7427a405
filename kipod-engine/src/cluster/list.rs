//! Lists of clusters and nodes.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::Serialize;

use super::record::{Record, RecordError};
use crate::kubernetes::Role;
use crate::lease::NameLock;
use crate::plan::{
    held_prefix, holding_cluster, label, load_balancer_addresses, load_balancer_name,
};
use crate::podman::{ContainerInfo, ContainerState, Podman, PodmanError};
use crate::spec::{ClusterName, comma_separated};
use crate::util::dirs::Dirs;

/// The state of a cluster: that of its containers, or of its creation.
///
/// ```no_run
/// use kipod_engine::ClusterState;
///
/// # async fn example(engine: kipod_engine::Engine) -> Result<(), kipod_engine::Error> {
/// for cluster in engine.clusters().await? {
///     if cluster.state == ClusterState::Incomplete {
///         engine.delete(&cluster.name).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ClusterState {
    /// All its containers are running.
    Running,
    /// None of its containers is running.
    Stopped,
    /// Some of its containers are not running: they are stopped, paused or missing.
    PartlyRunning,
    /// Podman has none of its containers. The cluster can only be deleted.
    Missing,
    /// A process is creating or deleting it.
    Busy,
    /// Its creation or deletion was interrupted. `create` and `delete` clean up.
    Incomplete,
    /// It is complete, and Podman does not respond.
    Unknown,
}

impl ClusterState {
    /// Returns the state of a complete cluster with these containers in Podman's list.
    fn of(record: &Record, listed: &[ContainerInfo]) -> Self {
        let expected: Vec<String> = record.containers().collect();
        let is_expected = |one: &&ContainerInfo| expected.contains(&one.name);
        let found: Vec<&ContainerInfo> = listed.iter().filter(is_expected).collect();
        let running = found.iter().filter(|one| one.state.is_running()).count();
        match running {
            _ if found.is_empty() => Self::Missing,
            0 => Self::Stopped,
            _ if running == expected.len() => Self::Running,
            _ => Self::PartlyRunning,
        }
    }
}

impl ClusterState {
    /// Returns the name of the state, such as `partly running`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::PartlyRunning => "partly running",
            Self::Missing => "missing",
            Self::Busy => "busy",
            Self::Incomplete => "incomplete",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ClusterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The summary of a cluster: its name, its state and details of its record.
///
/// ```no_run
/// # async fn example(engine: kipod_engine::Engine) -> Result<(), kipod_engine::Error> {
/// for cluster in engine.clusters().await? {
///     let version = cluster.details.map(|details| details.kubernetes_version).unwrap_or_default();
///     println!("{} {} {version}", cluster.name, cluster.state);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClusterSummary {
    /// The name.
    pub name: ClusterName,
    /// The state.
    pub state: ClusterState,
    /// Details from its record, where it can be read.
    #[serde(flatten)]
    pub details: Option<ClusterDetails>,
}

/// The details of a cluster in a [`ClusterSummary`], from its record.
///
/// ```no_run
/// # async fn example(engine: kipod_engine::Engine) -> Result<(), kipod_engine::Error> {
/// let clusters = engine.clusters().await?;
/// let details = clusters.iter().filter_map(|cluster| cluster.details.as_ref());
/// let nodes: usize = details.map(|details| details.control_planes + details.workers).sum();
/// println!("{nodes} nodes in {} clusters", clusters.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClusterDetails {
    /// The Kubernetes version.
    pub kubernetes_version: String,
    /// The host address of the API server.
    pub api_address: IpAddr,
    /// The host port of the API server.
    pub api_port: u16,
    /// The number of control planes.
    pub control_planes: usize,
    /// The number of workers.
    pub workers: usize,
    /// The node image at its creation.
    pub image: String,
    /// The pod subnets.
    pub pod_subnet: String,
    /// The service subnets.
    pub service_subnet: String,
    /// The host address at which node ports are published, if any.
    pub service_address: Option<Ipv4Addr>,
    /// The time of its creation, in seconds since the Unix epoch.
    pub created: i64,
}

impl ClusterDetails {
    fn of(record: Record) -> Self {
        let count = |role| record.nodes.iter().filter(|identity| identity.role == role).count();
        let networking = &record.spec.networking;
        Self {
            api_address: networking.api_server_address,
            control_planes: count(Role::ControlPlane),
            workers: count(Role::Worker),
            pod_subnet: comma_separated(&networking.pod_subnets()),
            service_subnet: comma_separated(&networking.service_subnets()),
            kubernetes_version: record.kubernetes_version.to_string(),
            api_port: record.api_port,
            service_address: record.service_address,
            image: record.image,
            created: record.created,
        }
    }
}

/// The summary of a node, or of the load balancer of several control planes.
///
/// ```no_run
/// # async fn example(cluster: kipod_engine::Cluster) -> Result<(), kipod_engine::Error> {
/// for node in cluster.nodes().await? {
///     if node.role == "worker" && node.state.is_running() {
///         println!("{} has the addresses {:?}", node.name, node.addresses);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeSummary {
    /// The name.
    pub name: String,
    /// The cluster.
    pub cluster: String,
    /// The role: `control-plane`, `worker` or `load-balancer`.
    pub role: String,
    /// The state of its container, as Podman reports it.
    pub state: ContainerState,
    /// The Kubernetes version; empty for a load balancer.
    pub kubernetes_version: String,
    /// The IP addresses on the node network, if the cluster's record contains them.
    pub addresses: Vec<IpAddr>,
    /// The pod CIDRs; empty for a load balancer.
    pub pod_subnets: Vec<IpNet>,
    /// The container id.
    pub container_id: String,
    /// The node image.
    pub image: String,
}

/// Lists the user's clusters by name, from their records and from Podman's list of their containers. Without
/// that list, the state of complete clusters is [`ClusterState::Unknown`].
///
/// # Errors
///
/// When the directory of clusters cannot be read.
pub fn clusters(
    dirs: &Dirs,
    listed: Option<&[ContainerInfo]>,
) -> Result<Vec<ClusterSummary>, RecordError> {
    let summary = |(name, record): (ClusterName, Option<Record>)| {
        let state = match record.as_ref().filter(|record| record.complete) {
            Some(record) => {
                listed.map_or(ClusterState::Unknown, |listed| ClusterState::of(record, listed))
            }
            None if NameLock::is_taken(&dirs.state, &name) => ClusterState::Busy,
            None => ClusterState::Incomplete,
        };
        ClusterSummary { name, state, details: record.map(ClusterDetails::of) }
    };
    Ok(Record::all(&dirs.state)?.into_iter().map(summary).collect())
}

/// Lists the nodes and load balancers of one cluster, or of all.
///
/// # Errors
///
/// When Podman does not respond.
pub async fn nodes(
    podman: &dyn Podman,
    dirs: &Dirs,
    cluster: Option<&ClusterName>,
) -> Result<Vec<NodeSummary>, PodmanError> {
    let mut records = BTreeMap::new();
    let mut found = Vec::new();
    for container in containers(podman, cluster).await? {
        let label = |key: &str| container.labels.get(key).cloned().unwrap_or_default();
        let cluster = label(label::CLUSTER);
        let record = records.entry(cluster.clone()).or_insert_with(|| record(dirs, &cluster));
        let (addresses, pod_subnets) = recorded_addresses(record.as_ref(), &container.name);
        found.push(NodeSummary {
            cluster,
            role: label(label::ROLE),
            kubernetes_version: label(label::KUBERNETES_VERSION),
            addresses,
            pod_subnets,
            container_id: container.id,
            image: container.image,
            name: container.name,
            state: container.state,
        });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// Lists the nodes' and load balancers' containers of one cluster, or of all.
pub(crate) async fn containers(
    podman: &dyn Podman,
    cluster: Option<&ClusterName>,
) -> Result<Vec<ContainerInfo>, PodmanError> {
    let label = match cluster {
        Some(name) => format!("{}={name}", label::CLUSTER),
        None => label::CLUSTER.to_owned(),
    };
    let mut found = podman.containers(&label).await?;
    found.retain(|one| one.labels.get(label::ROLE).is_none_or(|role| role != label::IMAGE_HOLD));
    Ok(found)
}

fn record(dirs: &Dirs, cluster: &str) -> Option<Record> {
    Record::read(&dirs.state, &cluster.parse().ok()?).ok().flatten()
}

/// Returns the IP addresses and pod CIDRs of a container from its cluster's record.
fn recorded_addresses(record: Option<&Record>, container: &str) -> (Vec<IpAddr>, Vec<IpNet>) {
    let Some(record) = record else { return Default::default() };
    let family = record.spec.networking.ip_family;
    let mut identities = record.nodes.iter().chain(&record.changing);
    if let Some(identity) = identities.find(|identity| identity.name == container) {
        return (identity.addresses(family), identity.pod_subnets(family));
    }
    match container == load_balancer_name(&record.name) {
        true => (load_balancer_addresses(family, &record.nodes), Vec::new()),
        false => Default::default(),
    }
}

/// Returns the names of all clusters with resources in Podman, recorded or not.
///
/// # Errors
///
/// When Podman does not respond.
pub async fn names_in_podman(podman: &dyn Podman) -> Result<Vec<ClusterName>, PodmanError> {
    let containers = podman.containers(label::CLUSTER).await?;
    let volumes = podman.volumes(label::CLUSTER).await?;
    let networks = podman.networks(label::CLUSTER).await?;
    let images = podman.images("").await?;
    let holding =
        images.iter().flat_map(|image| &image.names).filter_map(|name| holding_cluster(name));
    let labels = containers
        .iter()
        .map(|one| &one.labels)
        .chain(volumes.iter().map(|one| &one.labels))
        .chain(networks.iter().map(|one| &one.labels));
    let labelled = labels.filter_map(|labels| labels.get(label::CLUSTER)?.parse().ok());
    Ok(labelled.chain(holding).collect())
}

/// Returns the names that the holds of a cluster gave to images of the user's store.
pub(crate) async fn held_image_names(
    podman: &dyn Podman,
    cluster: &ClusterName,
) -> Result<Vec<String>, PodmanError> {
    let prefix = held_prefix(cluster);
    let names = podman.images("").await?.into_iter().flat_map(|image| image.names);
    Ok(names.filter(|name| name.starts_with(&prefix)).collect())
}
