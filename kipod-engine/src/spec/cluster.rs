//! The specification of a cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ClusterName, ImageReference, KubeadmPatches, Networking, NodeSpec, Proxy, Registry};
use crate::kubernetes::{Role, Version};

/// The default timeout for a cluster to become ready: five minutes. Creation takes half a minute on two
/// cores, and ten times as long on an emulated processor.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(300);

/// The validated specification of a cluster.
///
/// ```
/// use kipod_engine::spec::ClusterSpec;
///
/// let spec = ClusterSpec::builder("demo").workers(2).kubernetes("1.36".parse()?).build()?;
/// assert_eq!(spec.name.context(), "kipod-demo");
/// assert_eq!(spec.nodes.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// Records of older versions lack newer fields.
#[serde(default)]
#[non_exhaustive]
pub struct ClusterSpec {
    /// The name. Default: `kipod`.
    pub name: ClusterName,
    /// The Kubernetes version. The cluster is created from the newest node image of this version, in
    /// place of [`image`](Self::image). Default: `None`, the version of the node image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<Version>,
    /// The node image. Default: `localhost/kipod-node:latest`.
    pub image: ImageReference,
    /// The nodes, control planes first. The number of control planes is odd. Default: one control plane.
    pub nodes: Vec<NodeSpec>,
    /// The networking settings.
    pub networking: Networking,
    /// The Kubernetes feature gates of all components. Default: none.
    pub feature_gates: BTreeMap<String, bool>,
    /// The runtime configuration of the API server, which enables and disables APIs. Default: none.
    pub runtime_config: BTreeMap<String, String>,
    /// Patches of the kubeadm configuration of all nodes. Default: none.
    pub kubeadm_patches: KubeadmPatches,
    /// CRI-O drop-ins of all nodes: TOML by file name. Default: none.
    pub crio_drop_ins: BTreeMap<String, String>,
    /// The pull settings of registries. Default: none.
    pub registries: Vec<Registry>,
    /// The file with the registry credentials of the nodes. A relative path starts at the current
    /// directory. Default: none.
    pub registry_auth_file: Option<PathBuf>,
    /// The HTTP proxies of nodes. Default: none.
    pub proxy: Proxy,
    /// `true` if nodes use `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the environment, unless
    /// [`proxy`](Self::proxy) has the value. Default: `true`.
    pub host_proxy: bool,
    /// PEM files with certificate authorities that nodes trust in addition. A relative path starts at
    /// the current directory. Default: none.
    pub ca_certificates: Vec<PathBuf>,
    /// `true` if nodes also trust the certificate authorities of the host. Default: `false`.
    pub host_ca_certificates: bool,
    /// `true` if pods can use all images of the user's Podman store. Default: `true`.
    pub host_images: bool,
    /// Images that are loaded into the new cluster from the user's Podman store, which pulls missing
    /// ones. Default: none.
    #[serde(default)]
    pub preload: Vec<ImageReference>,
    /// `true` if the cluster gets a host address for its Services, which Services of type
    /// `LoadBalancer` receive. Default: `true`.
    pub load_balancer: bool,
    /// `true` to install metrics-server, which `kubectl top` and autoscalers need. Default: `false`.
    pub metrics: bool,
    /// The timeout for the cluster to become ready. Zero does not wait. Default: 5 minutes.
    pub wait: Duration,
    /// `true` to keep the resources of a failed creation for inspection. Default: `false`.
    pub retain: bool,
}

impl Default for ClusterSpec {
    fn default() -> Self {
        Self {
            name: ClusterName::default(),
            kubernetes: None,
            image: ImageReference::default(),
            nodes: vec![NodeSpec::new(Role::ControlPlane)],
            networking: Networking::default(),
            feature_gates: BTreeMap::new(),
            runtime_config: BTreeMap::new(),
            kubeadm_patches: KubeadmPatches::default(),
            crio_drop_ins: BTreeMap::new(),
            registries: Vec::new(),
            registry_auth_file: None,
            proxy: Proxy::default(),
            host_proxy: true,
            ca_certificates: Vec::new(),
            host_ca_certificates: false,
            host_images: true,
            preload: Vec::new(),
            load_balancer: true,
            metrics: false,
            wait: DEFAULT_WAIT,
            retain: false,
        }
    }
}

impl ClusterSpec {
    /// Returns the number of nodes with a role.
    pub fn count(&self, role: Role) -> usize {
        self.nodes.iter().filter(|node| node.role == role).count()
    }

    /// Returns warnings about patches without effect, one line each.
    pub fn warnings(&self) -> Vec<String> {
        // A patch of the cluster may be for kinds that only a larger cluster has.
        let mut warnings = unused_patches(&self.kubeadm_patches, |_| true, "it");
        for (index, node) in self.nodes.iter().enumerate() {
            let patches = &node.kubeadm_patches;
            // Further control planes run `kubeadm init` as well, but get the patches of a
            // `JoinConfiguration`: see `node/kubeadm/init.rs`.
            warnings.extend(match index {
                0 => unused_patches(
                    patches,
                    |kind| kind != "JoinConfiguration",
                    "the first control plane",
                ),
                _ => unused_patches(patches, |kind| kind == "JoinConfiguration", "a joining node"),
            });
        }
        warnings
    }
}

/// Returns a warning for each patch that kubeadm ignores on `node`, where it reads only some kinds.
fn unused_patches(
    patches: &KubeadmPatches,
    is_read: impl Fn(&str) -> bool,
    node: &str,
) -> Vec<String> {
    let unused = patches.targets().filter_map(|(location, target)| {
        let kind = &target.kind;
        match &target.api_version {
            Some(version) if target.is_outdated() => {
                Some(format!("{location}: has no effect: no supported kubeadm reads `{version}`"))
            }
            _ if !is_read(kind) => {
                Some(format!("{location}: has no effect: kubeadm reads no {kind} on {node}"))
            }
            _ => None,
        }
    });
    unused.collect()
}
