//! Everything a cluster will have, known before any of it exists: names, addresses, ports,
//! container options, files. Pure: no I/O, no clock, no randomness.

mod machine;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::image::NodeImage;
use crate::kubeconfig::ClusterAccess;
use crate::node::{
    self, API_PORT, CgroupMode, HOST_STORE, NodeFile, NodeSettings, SHARED_STORE, STATUS_DIR,
};
use crate::pki::Credentials;
use crate::podman::{
    Bind, ContainerOptions, Labels, NetworkAttachment, NetworkOptions, PortMapping, VolumeMount,
    VolumeOptions,
};
use crate::spec::{ClusterName, ClusterSpec, Subnet};

pub use machine::Machine;

/// Labels of everything kipod creates in Podman.
pub mod label {
    /// The cluster's name.
    pub const CLUSTER: &str = "io.kipod.cluster";
    /// The node's role: `control-plane`.
    pub const ROLE: &str = "io.kipod.role";
    /// The Kubernetes version of the node.
    pub const KUBERNETES_VERSION: &str = "io.kipod.kubernetes-version";
}

/// The number of SIGRTMIN+3, which asks systemd to stop, with glibc and musl alike.
/// Source: systemd(1), "Signals", and the C libraries' SIGRTMIN of 34.
const STOP_SIGNAL: i64 = 37;
/// How long a node has to stop before it is killed: systemd ends its units within three.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// How the API server is reached from the host. Holds secrets, so it is not printed.
    #[serde(skip)]
    pub access: ClusterAccess,
}

/// A node to be.
#[derive(Debug, Clone, Serialize)]
pub struct NodePlan {
    /// The node's, its container's and its volume's name.
    pub name: String,
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

/// The name of a cluster's only, or first, control plane node.
pub fn control_plane_name(cluster: &ClusterName) -> String {
    format!("{cluster}-control-plane-0")
}

/// The labels of everything that belongs to a cluster.
pub fn labels(cluster: &ClusterName) -> Labels {
    Labels::from([(label::CLUSTER.to_owned(), cluster.to_string())])
}

/// Plans a cluster. `cluster_dir` is the folder of the host that the cluster may fill.
pub fn plan(
    spec: &ClusterSpec,
    machine: &Machine,
    image: &NodeImage,
    choices: &Choices,
    credentials: &Credentials,
    cluster_dir: &Path,
) -> Plan {
    let name = control_plane_name(&spec.name);
    let network = NetworkOptions {
        name: format!("kipod-{}", spec.name),
        subnet: choices.node_subnet.to_string(),
        gateway: nth(&choices.node_subnet, 1),
        labels: labels(&spec.name),
    };
    let status_dir = cluster_dir.join("nodes").join(&name).join("status");
    let bind = |source: &Path, target: &str, read_only| Bind {
        source: source.to_owned(),
        target: target.to_owned(),
        read_only,
    };
    let mut binds = vec![
        // kubelet wants a kernel log, and the host's is not for it.
        bind(Path::new("/dev/null"), "/dev/kmsg", false),
        bind(&status_dir, STATUS_DIR, false),
        bind(&image.image_store, SHARED_STORE, true),
    ];
    let mut stores = vec![SHARED_STORE];
    if let Some(store) = &machine.host_store {
        // Images and their layers, and not what lies beside them: volumes and secrets.
        let driver = machine.storage_driver.name();
        for part in [driver.to_owned(), format!("{driver}-images"), format!("{driver}-layers")] {
            binds.push(bind(&store.join(&part), &format!("{HOST_STORE}/{part}"), true));
        }
        stores.push(HOST_STORE);
    }
    let mut container_labels = labels(&spec.name);
    container_labels.insert(label::ROLE.to_owned(), "control-plane".to_owned());
    container_labels.insert(label::KUBERNETES_VERSION.to_owned(), image.kubernetes_version.clone());
    let container = ContainerOptions {
        name: name.clone(),
        hostname: name.clone(),
        // By id: the name may be given to another image at any time.
        image: image.id.clone(),
        command: vec!["/sbin/init".to_owned()],
        env: [("container".to_owned(), "podman".to_owned())].into(),
        labels: container_labels,
        volumes: vec![VolumeMount { name: name.clone(), target: "/var".to_owned() }],
        binds,
        tmpfs: vec!["/run".to_owned(), "/tmp".to_owned()],
        devices: machine.fuse.then(|| "/dev/fuse".into()).into_iter().collect(),
        network: NetworkAttachment {
            name: network.name.clone(),
            address: nth(&choices.node_subnet, 2),
        },
        ports: vec![PortMapping {
            host_address: spec.networking.api_server_address,
            host_port: choices.api_port,
            container_port: API_PORT,
        }],
        cgroup_parent: machine.cgroup_parent.clone(),
        stop_signal: STOP_SIGNAL,
        stop_timeout: machine.time_factor.of(STOP_TIMEOUT).as_secs().max(1),
        restart: true,
    };
    let files = node::control_plane_files(&NodeSettings {
        cluster: spec.name.as_str(),
        name: &name,
        kubernetes_version: &image.kubernetes_version,
        pause_image: &image.pause_image,
        cgroups: machine.cgroups,
        pod_subnet: &spec.networking.pod_subnet,
        service_subnet: &spec.networking.service_subnet,
        api_server_address: spec.networking.api_server_address,
        image_stores: &stores,
        storage_driver: machine.storage_driver,
        time_factor: machine.time_factor,
        credentials,
    });
    Plan {
        name: spec.name.clone(),
        kubernetes_version: image.kubernetes_version.clone(),
        cgroups: machine.cgroups,
        network,
        nodes: vec![NodePlan {
            volume: VolumeOptions { name: name.clone(), labels: labels(&spec.name) },
            name,
            container,
            status_dir,
            files,
        }],
        access: ClusterAccess {
            cluster_name: spec.name.clone(),
            server: server(spec.networking.api_server_address, choices.api_port),
            ca_pem: credentials.ca.certificate.clone(),
            client_cert_pem: credentials.admin.certificate.clone(),
            client_key_pem: credentials.admin.key.clone(),
        },
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

/// An address of a node subnet, which is large enough for every caller's `index`.
fn nth(subnet: &Subnet, index: u32) -> Ipv4Addr {
    subnet.nth(index).unwrap_or_else(|| subnet.address())
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
