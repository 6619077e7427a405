//! The specification of a node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kubernetes::Role;

use super::{ExtraMount, ExtraPort, ImageReference, KubeadmPatches, NodeResources};

/// The maximum number of nodes. Each needs an address of a /24, as do the gateway and the load balancer.
pub(crate) const MAX_NODES: usize = 250;

/// The specification of a node.
///
/// ```
/// use kipod_engine::kubernetes::Role;
/// use kipod_engine::spec::{ExtraMount, NodeSpec};
///
/// let mut node = NodeSpec::new(Role::Worker);
/// node.labels.insert("tier".to_owned(), "front".to_owned());
/// node.extra_mounts.push(ExtraMount::new("./data", "/data"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeSpec {
    /// The role.
    pub role: Role,
    /// The node image. Default: `None`, the image of the cluster.
    pub image: Option<ImageReference>,
    /// Additional Kubernetes labels of the node. Default: none.
    pub labels: BTreeMap<String, String>,
    /// Files and directories of the host that are mounted into the node. Default: none.
    pub extra_mounts: Vec<ExtraMount>,
    /// Host ports that are forwarded to the node, in addition to the API server's port. Default: none.
    pub extra_port_mappings: Vec<ExtraPort>,
    /// Patches of the node's kubeadm configuration, applied after the patches of the cluster.
    pub kubeadm_patches: KubeadmPatches,
    /// The resource limits, which kubelet reports as the node's allocatable resources. Default: none.
    #[serde(default)]
    pub resources: NodeResources,
    /// Devices of the host: paths below `/dev`, or names of the Container Device Interface, such as
    /// `vendor.com/gpu=all`. Default: none.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Environment variables of commands in the node, and of CRI-O, kubelet and kubeadm. Default:
    /// none.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

impl NodeSpec {
    /// Creates a node with default settings.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            image: None,
            labels: BTreeMap::new(),
            extra_mounts: Vec::new(),
            extra_port_mappings: Vec::new(),
            kubeadm_patches: KubeadmPatches::default(),
            resources: NodeResources::default(),
            devices: Vec::new(),
            env: BTreeMap::new(),
        }
    }
}
