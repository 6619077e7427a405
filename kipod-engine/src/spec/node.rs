//! What each node of a cluster shall be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kubernetes::Role;

use super::{ExtraMount, ExtraPort, ImageReference, KubeadmPatches};

/// How many nodes a cluster may have: each gets an address of a /24, beside the gateway and the load
/// balancer.
pub const MAX_NODES: usize = 250;

/// A node that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// What it does.
    pub role: Role,
    /// Its node image; `None` is the cluster's.
    pub image: Option<ImageReference>,
    /// Labels of the node in Kubernetes, beside those it has anyway; none by default.
    pub labels: BTreeMap<String, String>,
    /// Files and folders of the host that it sees; none by default.
    pub extra_mounts: Vec<ExtraMount>,
    /// Ports of the host that are passed on to it, beside the API server's; none by default.
    pub extra_port_mappings: Vec<ExtraPort>,
    /// What is changed in the documents that kubeadm reads on it, after the cluster's own patches.
    pub kubeadm_patches: KubeadmPatches,
}

impl NodeSpec {
    /// A node of that role, with nothing else said of it.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            image: None,
            labels: BTreeMap::new(),
            extra_mounts: Vec::new(),
            extra_port_mappings: Vec::new(),
            kubeadm_patches: KubeadmPatches::default(),
        }
    }
}
