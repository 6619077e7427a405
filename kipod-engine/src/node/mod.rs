//! What is inside a node: the files that CRI-O, kubelet and kubeadm read there. It knows nothing of
//! the host, and is pure: the same [`NodeSettings`] give the same files.
//!
//! Everything lies below `/var`, the node's one volume; the image has links to it from where the
//! programs look (`/etc/kubernetes`, `/etc/crio`, `/etc/cni`, `/etc/containers/storage.conf`).

pub(crate) mod addons;
mod crio;
mod kubeadm;
mod load_balancer;
mod network;
mod services;
mod tuning;

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::kubernetes::{Role, Version};
use crate::pki::{Authorities, Credentials};
use crate::spec::{ClusterSpec, FoundRegistries, INTERNAL_NODE_ADDRESSES, KubeProxyMode, NodeSpec};
use crate::util::timeouts::Timeouts;

pub use crio::registries_file;
pub use kubeadm::{PatchError, apply_patches};
pub use load_balancer::files as balancer_files;
pub use network::routes_file;
pub use services::{ReachedPorts, ServiceSettings};

/// The port of the API server inside a node.
pub const API_PORT: u16 = 6443;
/// Where the host's folder for a node's progress is mounted.
pub const STATUS_DIR: &str = "/kipod/status";
/// Where the shared image store is mounted.
pub const SHARED_STORE: &str = "/kipod/images";
/// Where the control plane's shared image store is mounted, on nodes of another version: kube-proxy
/// and cluster DNS run on them in the control plane's version.
pub const CONTROL_PLANE_STORE: &str = "/kipod/control-plane-images";
/// Where the cluster's own image store is mounted: what was loaded into it.
pub const CLUSTER_STORE: &str = "/kipod/cluster-images";
/// Where the user's own image store is mounted.
pub const HOST_STORE: &str = "/kipod/host-images";
/// Below this folder of the volume lies all that kipod gives a node.
const ROOT: &str = "/var/lib/kipod";

/// Who manages the cgroups of pods, and whether their limits hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CgroupMode {
    /// Controllers are delegated: kubelet keeps its tree of pod cgroups through systemd, and limits
    /// are enforced.
    Delegated,
    /// No controllers: one flat cgroup, no limits, no metrics of pods.
    Unlimited,
}

/// What a node has to be.
#[derive(Debug, Clone)]
pub struct NodeSettings<'a> {
    /// The cluster it belongs to.
    pub cluster: &'a ClusterSettings<'a>,
    /// What it was asked to be.
    pub spec: &'a NodeSpec,
    /// The node's name, which is also its host name.
    pub name: &'a str,
    /// What it does.
    pub role: Role,
    /// How it becomes part of its cluster.
    pub entry: Entry,
    /// The Kubernetes version of its own programs, as `v1.36.2`.
    pub kubernetes_version: &'a Version,
    /// The pause image that kubeadm of its version names.
    pub pause_image: &'a str,
    /// Its addresses on the nodes' network, one of each family that the cluster has.
    pub addresses: &'a [IpAddr],
    /// Its part of the pod subnet of each of these families.
    pub pod_subnets: &'a [IpNet],
    /// Image stores mounted read-only, in the order they are searched.
    pub image_stores: &'a [&'a str],
    /// How it reaches what is on other nodes.
    pub routes: &'a [Route],
    /// Where Services are reached, on the node that publishes their ports.
    pub services: Option<ServiceSettings>,
}

/// How a node becomes part of its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// `kubeadm init`, and all that a cluster needs once.
    First,
    /// `kubeadm init` at the same time, as one more member that etcd is founded with. A control plane
    /// that joined would have to wait for the first one, and for every one before it.
    InitialControlPlane,
    /// `kubeadm join`.
    JoiningNode,
}

impl Entry {
    /// The command of kubeadm.
    fn command(self) -> &'static str {
        match self {
            Self::First | Self::InitialControlPlane => "init",
            Self::JoiningNode => "join",
        }
    }
}

/// What all nodes of a cluster have in common.
#[derive(Debug, Clone)]
pub struct ClusterSettings<'a> {
    /// What was asked for.
    pub spec: &'a ClusterSpec,
    /// The cluster's name.
    pub name: &'a str,
    /// The Kubernetes version of its control plane, as `v1.36.2`.
    pub kubernetes_version: &'a Version,
    /// How many nodes it is planned with.
    pub nodes: usize,
    /// Those of them that have the control plane, by name and address.
    pub control_planes: &'a [(String, IpAddr)],
    /// The address in front of several control planes.
    pub balancer: Option<IpAddr>,
    /// Whether limits can hold.
    pub cgroups: CgroupMode,
    /// The host's address at which the API server is published.
    pub api_server_address: IpAddr,
    /// CRI-O's storage driver.
    pub storage_driver: StorageDriver,
    /// How much slower than usual the machine is.
    pub timeouts: Timeouts,
    /// The cluster's authorities and bootstrap token.
    pub credentials: &'a Credentials,
    /// What the machine has of registries.
    pub found_registries: &'a FoundRegistries,
}

impl ClusterSettings<'_> {
    /// The address at which nodes reach the control plane, whichever node has it.
    fn endpoint(&self) -> SocketAddr {
        let address = self.balancer.unwrap_or_else(|| self.internal_addresses()[0]);
        SocketAddr::new(address, API_PORT)
    }

    fn internal_addresses(&self) -> Vec<IpAddr> {
        let family = self.spec.networking.ip_family;
        INTERNAL_NODE_ADDRESSES.each(family)
    }
}

impl NodeSettings<'_> {
    /// The addresses by which Kubernetes knows the node, one of each family. The only control plane
    /// is known by those that exist inside the node alone, so that a copy of it works on another
    /// network; where nodes of etcd have to find each other, each has its own on the network.
    fn kubernetes_addresses(&self) -> Vec<IpAddr> {
        match self.is_internal() {
            true => self.cluster.internal_addresses(),
            false => self.addresses.to_vec(),
        }
    }

    /// The addresses that Kubernetes shows of the node. A network of pods that is not kipod's makes its
    /// routes by them, so there they are ones that neighbours reach.
    fn shown_addresses(&self) -> Vec<IpAddr> {
        match self.cluster.spec.networking.disable_default_cni {
            true => self.addresses.to_vec(),
            false => self.kubernetes_addresses(),
        }
    }

    fn is_internal(&self) -> bool {
        self.role == Role::ControlPlane && self.cluster.balancer.is_none()
    }
}

/// Where packets for a subnet or an address go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The subnet.
    pub destination: IpNet,
    /// The node they go to.
    pub gateway: IpAddr,
}

/// How CRI-O stacks image layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageDriver {
    /// The kernel's overlay file system.
    Overlay,
    /// Whole copies, where there is no overlay: slow and large, but it works everywhere.
    Vfs,
}

impl StorageDriver {
    /// The name that Podman and CRI-O know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Vfs => "vfs",
        }
    }
}

/// A file of a node.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct NodeFile {
    /// Its absolute path, below `/var`.
    pub path: String,
    /// Its permission bits.
    pub mode: u32,
    /// Its text.
    pub text: String,
}

impl NodeFile {
    fn new(path: &str, text: impl Into<String>) -> Self {
        Self { path: format!("{ROOT}/{path}"), mode: 0o644, text: text.into() }
    }

    fn secret(path: &str, text: impl Into<String>) -> Self {
        Self { mode: 0o600, ..Self::new(path, text) }
    }
}

/// Secrets are files too, so only the outside is shown.
impl std::fmt::Debug for NodeFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:o}, {} bytes)", self.path, self.mode, self.text.len())
    }
}

/// Every file that a node finds before it starts.
///
/// # Errors
///
/// When a patch of kubeadm's documents does not apply.
pub fn files(node: &NodeSettings<'_>) -> Result<Vec<NodeFile>, PatchError> {
    let credentials = node.cluster.credentials;
    let mut files = vec![
        NodeFile::new("node.env", environment(node)),
        NodeFile::new("kubernetes/pki/ca.crt", &credentials.authorities.ca.certificate),
    ];
    if node.role == Role::ControlPlane {
        files.extend(authority_files(&credentials.authorities));
        files.extend(kubeadm::patches(node.cluster));
    }
    files.extend(match node.entry {
        Entry::First | Entry::InitialControlPlane => kubeadm::files(node)?,
        Entry::JoiningNode => kubeadm::join::files(node)?,
    });
    files.extend(network::files(node));
    files.extend(crio::files(node));
    files.extend(node.services.as_ref().map(services::file));
    Ok(files)
}

/// What the node's scripts have to know.
fn environment(node: &NodeSettings<'_>) -> String {
    let mut text =
        format!("KIPOD_NODE_ROLE={}\nKIPOD_KUBEADM={}\n", node.role, node.entry.command(),);
    if node.entry == Entry::First {
        text.push_str("KIPOD_FIRST=1\n");
    }
    if node.cluster.spec.networking.kube_proxy_mode == KubeProxyMode::None {
        text.push_str("KIPOD_NO_KUBE_PROXY=1\n");
    }
    let family = node.cluster.spec.networking.ip_family;
    if node.is_internal() && family.has_ipv4() {
        text.push_str(&format!("KIPOD_INTERNAL_ADDRESS={}\n", INTERNAL_NODE_ADDRESSES.v4));
    }
    if node.is_internal() && family.has_ipv6() {
        text.push_str(&format!("KIPOD_INTERNAL_ADDRESS6={}\n", INTERNAL_NODE_ADDRESSES.v6));
    }
    if family.has_ipv6() {
        text.push_str("KIPOD_IPV6=1\n");
    }
    // For kubeadm, kubelet and CRI-O.
    if node.cluster.timeouts.is_slow() {
        let (name, value) = tuning::ONE_THREAD;
        text.push_str(&format!("{name}={value}\n"));
    }
    if node.entry == Entry::JoiningNode {
        let limit = node.cluster.timeouts.scale(kubeadm::join::LIMIT).as_secs();
        text.push_str(&format!("KIPOD_JOIN_SECONDS={limit}\n"));
    }
    text
}

/// The authorities that all control planes share; kubeadm makes every other certificate.
fn authority_files(authorities: &Authorities) -> Vec<NodeFile> {
    let mut files = vec![
        NodeFile::secret("kubernetes/pki/ca.key", &authorities.ca.key),
        NodeFile::new("kubernetes/pki/sa.pub", &authorities.service_accounts.public),
        NodeFile::secret("kubernetes/pki/sa.key", &authorities.service_accounts.private),
    ];
    let others =
        [("etcd/ca", &authorities.etcd_ca), ("front-proxy-ca", &authorities.front_proxy_ca)];
    for (name, authority) in others {
        let path = format!("kubernetes/pki/{name}");
        files.push(NodeFile::new(&format!("{path}.crt"), &authority.certificate));
        files.push(NodeFile::secret(&format!("{path}.key"), &authority.key));
    }
    files
}

/// A kubeconfig for a program on a node.
fn kubeconfig(node: &NodeSettings<'_>, server: SocketAddr, user: &serde_json::Value) -> String {
    let cluster = node.cluster;
    let document = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": cluster.name, "cluster": {
            "server": format!("https://{server}"),
            "certificate-authority-data": base64(&cluster.credentials.authorities.ca.certificate),
        } }],
        "users": [{ "name": "node", "user": user }],
        "contexts": [{ "name": "node", "context": { "cluster": cluster.name, "user": "node" } }],
        "current-context": "node",
    });
    format!("{document:#}\n")
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
