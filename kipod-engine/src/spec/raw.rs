//! What a user typed.

use super::{Place, Written};

/// What a user typed, or wrote into a file, unchecked; `None` is what was left out.
/// [`check`](Self::check) gives it meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawSpec {
    /// The cluster's name.
    pub name: Option<Written>,
    /// The node image's reference.
    pub image: Option<Written>,
    /// Which IP addresses pods and Services have.
    pub ip_family: Option<Written>,
    /// The host's address for the API server.
    pub api_server_address: Option<Written>,
    /// The host's port for the API server.
    pub api_server_port: Option<Written>,
    /// The subnet of the pods, or one of each family with a comma between them.
    pub pod_subnet: Option<Written>,
    /// The subnet of the Services, or one of each family with a comma between them.
    pub service_subnet: Option<Written>,
    /// Whether the network of pods is left to the user.
    pub disable_default_cni: bool,
    /// How kube-proxy works.
    pub kube_proxy_mode: Option<Written>,
    /// The domains in which nodes search for names.
    pub dns_search: Option<Vec<Written>>,
    /// How long to wait for the cluster to be ready.
    pub wait: Option<Written>,
    /// Whether to keep what a failed creation left.
    pub retain: bool,
    /// Whether the cluster sees the user's own images; it does where it was left out.
    pub host_images: Option<bool>,
    /// Images that the cluster has from the start.
    pub preload: Vec<Written>,
    /// Whether Services of type `LoadBalancer` get an address; they do where it was left out.
    pub load_balancer: Option<bool>,
    /// Whether the cluster has metrics-server.
    pub metrics: bool,
    /// How many control plane nodes, where [`nodes`](Self::nodes) does not list them.
    pub control_planes: Option<Written>,
    /// How many worker nodes, where [`nodes`](Self::nodes) does not list them.
    pub workers: Option<Written>,
    /// Each node by itself; empty where only numbers were given, or nothing.
    pub nodes: Vec<RawNode>,
    /// Where the list of nodes stands.
    pub nodes_place: Option<Place>,
    /// Kubernetes' feature gates, on or off.
    pub feature_gates: Vec<(Written, bool)>,
    /// The API server's runtime configuration.
    pub runtime_config: Vec<(Written, Written)>,
    /// Patches of kubeadm's documents of every node.
    pub kubeadm_patches: RawPatches,
    /// CRI-O drop-ins, by file name.
    pub crio_drop_ins: Vec<(Written, Written)>,
    /// Where images of registries are pulled from.
    pub registries: Vec<RawRegistry>,
    /// The file with the credentials for registries.
    pub registry_auth_file: Option<Written>,
}

/// What a user wrote of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawNode {
    /// Where it stands.
    pub place: Option<Place>,
    /// Its role; a control plane where it was left out.
    pub role: Option<Written>,
    /// Its node image's reference.
    pub image: Option<Written>,
    /// Labels of the node in Kubernetes.
    pub labels: Vec<(Written, Written)>,
    /// Files and folders of the host.
    pub mounts: Vec<RawMount>,
    /// Ports of the host.
    pub ports: Vec<RawPort>,
    /// Patches of kubeadm's documents of this node.
    pub kubeadm_patches: RawPatches,
}

/// What a user wrote of one mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawMount {
    /// Where it stands.
    pub place: Option<Place>,
    /// The path on the host.
    pub host_path: Option<Written>,
    /// The path inside the node.
    pub container_path: Option<Written>,
    /// Whether the node may not write to it.
    pub read_only: bool,
    /// Whether it is labelled anew for SELinux.
    pub selinux_relabel: bool,
    /// Which later mounts below it are passed on.
    pub propagation: Option<Written>,
}

/// What a user wrote of one port mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawPort {
    /// Where it stands.
    pub place: Option<Place>,
    /// The port inside the node.
    pub container_port: Option<Written>,
    /// The port on the host.
    pub host_port: Option<Written>,
    /// The host's address.
    pub listen_address: Option<Written>,
    /// The transport protocol.
    pub protocol: Option<Written>,
}

/// The patches a user wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawPatches {
    /// Merge patches: YAML documents.
    pub merge: Vec<Written>,
    /// JSON patches, each with the document it is for.
    pub json: Vec<RawJsonPatch>,
}

/// What a user wrote of one JSON patch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawJsonPatch {
    /// Where it stands.
    pub place: Option<Place>,
    /// The group of its document's API version.
    pub group: Option<Written>,
    /// The version of its document's API version.
    pub version: Option<Written>,
    /// Its document's kind.
    pub kind: Option<Written>,
    /// The list of operations, in YAML or JSON.
    pub patch: Option<Written>,
}

/// What a user wrote of one registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawRegistry {
    /// Where it stands.
    pub place: Option<Place>,
    /// What the images it is for begin with.
    pub prefix: Option<Written>,
    /// Where they are pulled from, in place of that.
    pub location: Option<Written>,
    /// Whether it may speak HTTP, or have a certificate that nobody vouches for.
    pub insecure: bool,
    /// Where they are tried to be pulled from first.
    pub mirrors: Vec<RawRegistry>,
}
