//! Unvalidated cluster specifications, from configuration files and flags.

use super::{Location, RawValue};

/// An unvalidated cluster specification. `None` is a value that was not set.
/// [`check`](Self::check) validates it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawSpec {
    /// The cluster's name.
    pub name: Option<RawValue>,
    /// The node image's reference.
    pub image: Option<RawValue>,
    /// The IP families of pods and Services.
    pub ip_family: Option<RawValue>,
    /// The host address of the API server.
    pub api_server_address: Option<RawValue>,
    /// The host port of the API server.
    pub api_server_port: Option<RawValue>,
    /// The pod subnet, or one of each IP family, separated by a comma.
    pub pod_subnet: Option<RawValue>,
    /// The Service subnet, or one of each IP family, separated by a comma.
    pub service_subnet: Option<RawValue>,
    /// `true` if the user installs the pod network.
    pub disable_default_cni: bool,
    /// The mode of kube-proxy.
    pub kube_proxy_mode: Option<RawValue>,
    /// The DNS search domains of the nodes.
    pub dns_search: Option<Vec<RawValue>>,
    /// The timeout for the cluster to become ready.
    pub wait: Option<RawValue>,
    /// `true` to keep the resources of a failed creation.
    pub retain: bool,
    /// `true` if pods can use the images of the user's Podman store. Default: `true`.
    pub host_images: Option<bool>,
    /// Images that are loaded into the new cluster.
    pub preload: Vec<RawValue>,
    /// `true` if Services of type `LoadBalancer` get an address. Default: `true`.
    pub load_balancer: Option<bool>,
    /// `true` to install metrics-server.
    pub metrics: bool,
    /// The number of control planes, if [`nodes`](Self::nodes) is empty.
    pub control_planes: Option<RawValue>,
    /// The number of workers, if [`nodes`](Self::nodes) is empty.
    pub workers: Option<RawValue>,
    /// The nodes. Empty if only numbers of nodes are set.
    pub nodes: Vec<RawNode>,
    /// The location of the list of nodes.
    pub nodes_location: Option<Location>,
    /// The Kubernetes feature gates.
    pub feature_gates: Vec<(RawValue, bool)>,
    /// The API server's runtime configuration.
    pub runtime_config: Vec<(RawValue, RawValue)>,
    /// Patches of the kubeadm configuration of all nodes.
    pub kubeadm_patches: RawPatches,
    /// CRI-O drop-ins, by file name.
    pub crio_drop_ins: Vec<(RawValue, RawValue)>,
    /// The pull settings of registries.
    pub registries: Vec<RawRegistry>,
    /// The file with registry credentials.
    pub registry_auth_file: Option<RawValue>,
    /// The HTTP proxies of nodes.
    pub proxy: RawProxy,
    /// `true` if nodes use the proxies of the environment. Default: `true`.
    pub host_proxy: Option<bool>,
    /// Files with certificate authorities that nodes trust.
    pub ca_certificates: Vec<RawValue>,
    /// `true` if nodes trust the certificate authorities of the host.
    pub host_ca_certificates: bool,
}

/// Unvalidated HTTP proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawProxy {
    /// The proxy of `http` URLs.
    pub http: Option<RawValue>,
    /// The proxy of `https` URLs.
    pub https: Option<RawValue>,
    /// Destinations that are reached without a proxy.
    pub no_proxy: Option<Vec<RawValue>>,
}

/// An unvalidated node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawNode {
    /// The location in a file.
    pub location: Option<Location>,
    /// The role. Default: control plane.
    pub role: Option<RawValue>,
    /// The node image's reference.
    pub image: Option<RawValue>,
    /// Labels of the node in Kubernetes.
    pub labels: Vec<(RawValue, RawValue)>,
    /// Mounts of host paths.
    pub mounts: Vec<RawMount>,
    /// Mappings of host ports.
    pub ports: Vec<RawPort>,
    /// Patches of the node's kubeadm configuration.
    pub kubeadm_patches: RawPatches,
    /// The limit of processors.
    pub cpus: Option<RawValue>,
    /// The limit of memory.
    pub memory: Option<RawValue>,
    /// Devices of the host.
    pub devices: Vec<RawValue>,
    /// Environment variables.
    pub env: Vec<(RawValue, RawValue)>,
}

/// An unvalidated mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawMount {
    /// The location in a file.
    pub location: Option<Location>,
    /// The path on the host.
    pub host_path: Option<RawValue>,
    /// The path inside the node.
    pub container_path: Option<RawValue>,
    /// `true` for a read-only mount.
    pub read_only: bool,
    /// `true` to relabel the files for SELinux.
    pub selinux_relabel: bool,
    /// The mount propagation.
    pub propagation: Option<RawValue>,
}

/// An unvalidated port mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawPort {
    /// The location in a file.
    pub location: Option<Location>,
    /// The port inside the node.
    pub container_port: Option<RawValue>,
    /// The port on the host.
    pub host_port: Option<RawValue>,
    /// The listen address on the host.
    pub listen_address: Option<RawValue>,
    /// The transport protocol.
    pub protocol: Option<RawValue>,
}

/// Unvalidated patches of the kubeadm configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawPatches {
    /// Merge patches: YAML documents.
    pub merge: Vec<RawValue>,
    /// JSON patches with their targets.
    pub json: Vec<RawJsonPatch>,
}

/// An unvalidated JSON patch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawJsonPatch {
    /// The location in a file.
    pub location: Option<Location>,
    /// The group of the target's API version.
    pub group: Option<RawValue>,
    /// The version of the target's API version.
    pub version: Option<RawValue>,
    /// The kind of the target.
    pub kind: Option<RawValue>,
    /// The list of operations, in YAML or JSON.
    pub patch: Option<RawValue>,
}

/// An unvalidated registry, or a mirror of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawRegistry {
    /// The location in a file.
    pub defined_at: Option<Location>,
    /// The prefix of the image names.
    pub prefix: Option<RawValue>,
    /// The location that replaces the prefix.
    pub location: Option<RawValue>,
    /// `true` to allow HTTP and untrusted certificates.
    pub insecure: bool,
    /// The mirrors to try first.
    pub mirrors: Vec<RawRegistry>,
}
