//! Everything a cluster will have, known before any of it exists: names, addresses, ports,
//! container options, files. Pure: no I/O, no clock, no randomness.

mod container;
mod identity;
mod machine;
mod options;
mod service_address;

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Serialize;

use crate::kubeconfig::ClusterAccess;
use crate::kubernetes::{Role, Version};
use crate::node::{
    self as inside, CgroupMode, ClusterSettings, Entry, NodeFile, NodeSettings, PatchError,
    ReachedPorts, ServiceSettings,
};
use crate::node_image::NodeImage;
use crate::pki::Credentials;
use crate::podman::{ContainerOptions, Labels, NetworkOptions, VolumeOptions};
use crate::spec::{ClusterName, ClusterSpec, FoundRegistries, NodeSpec, Protocol, Subnet, Subnet6};

pub use crate::util::labels::{self as label, LOAD_BALANCER};
pub(crate) use container::host_store;
pub use identity::{
    NodeIdentity, control_plane_name, identities, load_balancer_addresses, load_balancer_name,
    next_identity, node_names, node_network,
};
pub use machine::Machine;
pub use service_address::{NODE_PORTS, ServiceAddress, UDP_NODE_PORTS};

/// What was chosen from what the machine had free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// The network of the nodes.
    pub node_subnet: Subnet,
    /// The host's port of the API server.
    pub api_port: u16,
    /// The host's address at which Services are reached; `None` where there is none.
    pub service_address: Option<ServiceAddress>,
}

/// A cluster to be.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The cluster's name.
    pub name: ClusterName,
    /// The Kubernetes version.
    pub kubernetes_version: Version,
    /// Whether limits of pods will hold.
    pub cgroups: CgroupMode,
    /// The nodes' network.
    pub network: NetworkOptions,
    /// The nodes, the first control plane first.
    pub nodes: Vec<NodePlan>,
    /// What is in front of the control planes, where there are several.
    pub balancer: Option<NodePlan>,
    /// How the API server is reached from the host. Holds secrets, so it is not printed.
    #[serde(skip)]
    pub access: ClusterAccess,
}

impl Plan {
    /// Every container the cluster will have.
    pub fn containers(&self) -> impl Iterator<Item = &NodePlan> {
        self.balancer.iter().chain(&self.nodes)
    }
}

/// A node to be, or the load balancer.
#[derive(Debug, Clone, Serialize)]
pub struct NodePlan {
    /// The node's, its container's and its volume's name.
    pub name: String,
    /// Its part of each pod subnet; a load balancer has none.
    pub pod_subnets: Vec<IpNet>,
    /// Its volume.
    pub volume: VolumeOptions,
    /// Its container.
    pub container: ContainerOptions,
    /// The folder of the host where it says what it has reached.
    pub status_dir: PathBuf,
    /// The files it finds on its volume. They hold secrets, so they are not printed.
    #[serde(skip)]
    pub files: Vec<NodeFile>,
}

/// The labels of everything that belongs to a cluster.
pub fn labels(cluster: &ClusterName) -> Labels {
    Labels::from([(label::CLUSTER.to_owned(), cluster.to_string())])
}

/// The folder of the host where a container of the cluster whose folder is `cluster_dir` says what it
/// has reached.
pub fn status_dir(cluster_dir: &Path, container: &str) -> PathBuf {
    cluster_dir.join("nodes").join(container).join("status")
}

/// The image store of the cluster whose folder is `cluster_dir`.
pub fn image_store(cluster_dir: &Path) -> PathBuf {
    cluster_dir.join("images")
}

/// What a cluster and each of its nodes are planned from.
#[derive(Debug, Clone, Copy)]
pub struct PlanContext<'a> {
    /// The cluster that was asked for.
    pub spec: &'a ClusterSpec,
    /// The machine.
    pub machine: &'a Machine,
    /// What was chosen of what the machine had free.
    pub choices: &'a Choices,
    /// The credentials.
    pub credentials: &'a Credentials,
    /// What the machine has of registries.
    pub found_registries: &'a FoundRegistries,
    /// The Kubernetes version of the control plane.
    pub kubernetes_version: &'a Version,
    /// The image store of the control plane's version.
    pub control_plane_store: &'a Path,
    /// Every node, also those that are there already.
    pub identities: &'a [NodeIdentity],
    /// The folder of the host that the cluster may fill.
    pub cluster_dir: &'a Path,
}

impl PlanContext<'_> {
    /// Plans the node that has a identity, as it was asked for.
    ///
    /// # Errors
    ///
    /// When a patch of kubeadm's documents does not apply.
    pub fn node(
        &self,
        identity: &NodeIdentity,
        node: &NodeSpec,
        entry: Entry,
        image: &NodeImage,
    ) -> Result<NodePlan, PatchError> {
        let (spec, machine) = (self.spec, self.machine);
        let family = spec.networking.ip_family;
        let control_planes = identity::control_planes(spec, self.identities);
        let stores = container::image_stores(spec, machine, image, self.control_plane_store);
        let cluster = ClusterSettings {
            spec,
            name: spec.name.as_str(),
            kubernetes_version: self.kubernetes_version,
            nodes: self.identities.len(),
            control_planes: &control_planes,
            balancer: self
                .balancer_address()
                .map(|address| identity::addresses(address, family)[0]),
            cgroups: machine.cgroups,
            api_server_address: spec.networking.api_server_address,
            storage_driver: machine.storage_driver,
            timeouts: machine.timeouts,
            credentials: self.credentials,
            found_registries: self.found_registries,
        };
        // Any node would do: kube-proxy answers for every Service on each of them.
        let services = self.choices.service_address.as_ref().filter(|_| entry == Entry::First);
        let files = inside::files(&NodeSettings {
            cluster: &cluster,
            spec: node,
            name: &identity.name,
            role: identity.role,
            entry,
            kubernetes_version: &image.kubernetes_version,
            pause_image: &image.pause_image,
            addresses: &identity.addresses(family),
            pod_subnets: &identity.pod_subnets(family),
            image_stores: &stores,
            routes: &identity::routes(spec, identity, self.identities),
            services: services.map(|address| services_of(spec, address)),
        })?;
        // The API server is published by who has its address.
        let publishes = entry == Entry::First && cluster.balancer.is_none();
        let ports = publishes.then(|| container::published(spec, self.choices.api_port));
        let node_ports = services.into_iter().flat_map(ServiceAddress::ports);
        let ports = ports.into_iter().chain(node_ports).collect();
        Ok(self.frame().node(identity, node, image, ports, files))
    }

    /// Plans what is in front of the control planes, where there are several.
    fn balancer(&self, image: &NodeImage) -> Option<NodePlan> {
        let files = balancer_files(self.spec, self.identities);
        let ports = vec![container::published(self.spec, self.choices.api_port)];
        Some(self.frame().balancer(self.balancer_address()?, image, ports, files))
    }

    fn balancer_address(&self) -> Option<Ipv4Addr> {
        has_balancer(self.spec).then(|| identity::balancer(&self.choices.node_subnet))
    }

    fn frame(&self) -> container::ContainerTemplate<'_> {
        let Self { spec, machine, cluster_dir, control_plane_store, .. } = *self;
        container::ContainerTemplate { spec, machine, cluster_dir, control_plane_store }
    }
}

/// Plans a cluster. `images` are those of the nodes, in their order; `cluster_dir` is the folder of
/// the host that the cluster may fill.
///
/// # Errors
///
/// When a patch of kubeadm's documents does not apply.
///
/// # Panics
///
/// When there are not as many images as nodes.
pub fn plan(
    spec: &ClusterSpec,
    machine: &Machine,
    images: &[NodeImage],
    choices: &Choices,
    credentials: &Credentials,
    found_registries: &FoundRegistries,
    cluster_dir: &Path,
) -> Result<Plan, PatchError> {
    assert_eq!(images.len(), spec.nodes.len(), "an image for each node");
    let kubernetes_version = &images[0].kubernetes_version;
    let identities = &identities(spec, &choices.node_subnet);
    let ground = PlanContext {
        spec,
        machine,
        choices,
        credentials,
        found_registries,
        kubernetes_version,
        control_plane_store: &images[0].image_store,
        identities,
        cluster_dir,
    };
    let all = identities.iter().zip(&spec.nodes).zip(images).enumerate();
    let nodes = all.map(|(index, ((identity, node), image))| {
        let entry = match identity.role {
            Role::ControlPlane if index == 0 => Entry::First,
            Role::ControlPlane => Entry::InitialControlPlane,
            Role::Worker => Entry::JoiningNode,
        };
        ground.node(identity, node, entry, image)
    });
    Ok(Plan {
        name: spec.name.clone(),
        kubernetes_version: kubernetes_version.clone(),
        cgroups: machine.cgroups,
        network: NetworkOptions {
            name: network_name(&spec.name),
            subnet: choices.node_subnet.to_string(),
            gateway: identity::gateway(&choices.node_subnet),
            ipv6: spec
                .networking
                .ip_family
                .has_ipv6()
                .then(|| identity::ipv6(&choices.node_subnet)),
            labels: labels(&spec.name),
        },
        nodes: nodes.collect::<Result<_, _>>()?,
        balancer: ground.balancer(&images[0]),
        access: ClusterAccess {
            cluster_name: spec.name.clone(),
            server: server(spec.networking.api_server_address, choices.api_port),
            ca_pem: credentials.authorities.ca.certificate.clone(),
            client_cert_pem: credentials.admin.certificate.clone(),
            client_key_pem: credentials.admin.key.clone(),
        },
    })
}

/// What a node tells Services of the host's address that it publishes their ports on.
fn services_of(spec: &ClusterSpec, address: &ServiceAddress) -> ServiceSettings {
    let reached = |ports: RangeInclusive<u16>, protocol| ReachedPorts {
        range: (*ports.start(), *ports.end()),
        without: address.unreachable(spec, protocol),
    };
    ServiceSettings {
        address: address.address,
        tcp: reached(NODE_PORTS, Protocol::Tcp),
        udp: reached(UDP_NODE_PORTS, Protocol::Udp),
    }
}

/// The routes of a node among others, as a file.
pub fn routes_file(
    spec: &ClusterSpec,
    identities: &[NodeIdentity],
    identity: &NodeIdentity,
) -> NodeFile {
    inside::routes_file(&identity::routes(spec, identity, identities))
}

/// The files of the load balancer of these nodes.
pub fn balancer_files(spec: &ClusterSpec, identities: &[NodeIdentity]) -> Vec<NodeFile> {
    inside::balancer_files(&identity::control_planes(spec, identities))
}

/// Whether a cluster has a load balancer: one that was created with several control planes has, even
/// if only one of them is left.
pub fn has_balancer(spec: &ClusterSpec) -> bool {
    spec.count(Role::ControlPlane) > 1
}

/// The name of a cluster's network.
fn network_name(cluster: &ClusterName) -> String {
    format!("kipod-{cluster}")
}

/// The first of the candidate node subnets that overlaps none of `used`, and in IPv6, where the
/// cluster has that, none of `used6`; if there is one, it overlaps none of `around` either, which are
/// those of the machine's own networks.
pub fn choose_node_subnet(used: &[Subnet], used6: &[Subnet6], around: &[Subnet]) -> Option<Subnet> {
    let is_free = |candidate: &Subnet| {
        let candidate6 = identity::node_subnet6(candidate);
        !used.iter().any(|other| other.overlaps(candidate))
            && !used6.iter().any(|other| other.overlaps(&candidate6))
    };
    let is_best = |candidate: &Subnet| !around.iter().any(|other| other.overlaps(candidate));
    let mut free = node_subnets().filter(is_free).peekable();
    let first = free.peek().copied();
    free.find(is_best).or(first)
}

/// `10.89.0.0/24` to `10.89.255.0/24`, where Podman's own pool of subnets begins.
/// Source: containers.conf(5), `default_subnet_pools`.
fn node_subnets() -> impl Iterator<Item = Subnet> {
    (0..=255_u8).filter_map(|third| format!("10.89.{third}.0/24").parse().ok())
}

fn server(address: IpAddr, port: u16) -> String {
    // An address that means "all of them" cannot be dialled.
    let address =
        if address.is_unspecified() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { address };
    match address {
        IpAddr::V4(address) => format!("https://{address}:{port}"),
        IpAddr::V6(address) => format!("https://[{address}]:{port}"),
    }
}

#[cfg(test)]
mod tests;
