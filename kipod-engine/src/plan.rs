//! Everything a cluster will have, known before any of it exists: names, addresses, ports,
//! container options, files. Pure: no I/O, no clock, no randomness.

mod machine;
mod node;
mod seat;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::image::NodeImage;
use crate::kubeconfig::ClusterAccess;
use crate::node::{self as inside, CgroupMode, ClusterSettings, Entry, NodeFile, NodeSettings};
use crate::pki::Credentials;
use crate::podman::{ContainerOptions, Labels, NetworkOptions, VolumeOptions};
use crate::spec::{ClusterName, ClusterSpec, Role, Subnet};

pub use machine::Machine;
pub use seat::{Seat, control_plane_name, node_names, seats};

/// Labels of everything kipod creates in Podman.
pub mod label {
    /// The cluster's name.
    pub const CLUSTER: &str = "io.kipod.cluster";
    /// What the container does: `control-plane`, `worker` or `load-balancer`.
    pub const ROLE: &str = "io.kipod.role";
    /// The Kubernetes version of the node; a load balancer has none.
    pub const KUBERNETES_VERSION: &str = "io.kipod.kubernetes-version";
}

/// The role of a container that is no node: what is in front of several control planes.
pub const LOAD_BALANCER: &str = "load-balancer";

/// What was chosen from what the machine had free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// The network of the nodes.
    pub node_subnet: Subnet,
    /// The host's port of the API server.
    pub api_port: u16,
}

/// A cluster to be.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The cluster's name.
    pub name: ClusterName,
    /// The Kubernetes version.
    pub kubernetes_version: String,
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
    /// Its part of the pod subnet; a load balancer has none.
    pub pod_subnet: Option<Subnet>,
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

/// Plans a cluster. `images` are those of the nodes, in their order; `cluster_dir` is the folder of
/// the host that the cluster may fill.
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
    cluster_dir: &Path,
) -> Plan {
    assert_eq!(images.len(), spec.nodes.len(), "an image for each node");
    let seats = seats(spec, &choices.node_subnet);
    let control_planes: Vec<_> = seats
        .iter()
        .filter(|seat| seat.role == Role::ControlPlane)
        .map(|seat| (seat.name.clone(), seat.address))
        .collect();
    let balancer = (control_planes.len() > 1).then(|| seat::balancer(&choices.node_subnet));
    let network = NetworkOptions {
        name: format!("kipod-{}", spec.name),
        subnet: choices.node_subnet.to_string(),
        gateway: seat::gateway(&choices.node_subnet),
        labels: labels(&spec.name),
    };
    let kubernetes_version = &images[0].kubernetes_version;
    let cluster = ClusterSettings {
        name: spec.name.as_str(),
        kubernetes_version,
        nodes: seats.len(),
        control_planes: &control_planes,
        balancer,
        cgroups: machine.cgroups,
        pod_subnet: &spec.networking.pod_subnet,
        service_subnet: &spec.networking.service_subnet,
        api_server_address: spec.networking.api_server_address,
        storage_driver: machine.storage_driver,
        time_factor: machine.time_factor,
        credentials,
    };
    let frame = node::Frame {
        spec,
        machine,
        network: &network.name,
        cluster_dir,
        control_plane: &images[0],
    };
    let published = node::published(spec, choices.api_port);
    let nodes = seats.iter().zip(images).enumerate().map(|(index, (seat, image))| {
        let entry = match seat.role {
            Role::ControlPlane if index == 0 => Entry::First,
            Role::ControlPlane => Entry::Founder,
            Role::Worker => Entry::Joiner,
        };
        let files = inside::files(&NodeSettings {
            cluster: &cluster,
            name: &seat.name,
            role: seat.role,
            entry,
            pause_image: &image.pause_image,
            address: seat.address,
            pod_subnet: seat.pod_subnet,
            image_stores: &node::image_stores(machine, image, &images[0]),
            routes: &seat::routes(seat, &seats, balancer),
        });
        // The API server is published by who has its address.
        let ports = if entry == Entry::First && balancer.is_none() {
            vec![published.clone()]
        } else {
            Vec::new()
        };
        frame.node(seat, image, ports, files)
    });
    let nodes = nodes.collect();
    let balancer = balancer.map(|address| {
        let files = inside::balancer_files(&control_planes);
        frame.balancer(address, &images[0], vec![published.clone()], files)
    });
    Plan {
        name: spec.name.clone(),
        kubernetes_version: kubernetes_version.clone(),
        cgroups: machine.cgroups,
        nodes,
        balancer,
        access: ClusterAccess {
            cluster_name: spec.name.clone(),
            server: server(spec.networking.api_server_address, choices.api_port),
            ca_pem: credentials.ca.certificate.clone(),
            client_cert_pem: credentials.admin.certificate.clone(),
            client_key_pem: credentials.admin.key.clone(),
        },
        network,
    }
}

/// The first of the candidate node subnets that overlaps none of `used`.
pub fn choose_node_subnet(used: &[Subnet]) -> Option<Subnet> {
    node_subnets().find(|candidate| !used.iter().any(|other| other.overlaps(candidate)))
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
