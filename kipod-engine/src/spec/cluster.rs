//! A cluster that was asked for, with every value known to be good.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ClusterName, ImageReference, KubeadmPatches, Networking, NodeSpec, Registry};
use crate::kubernetes::Role;

/// How long creating a cluster waits for it to be ready, unless told: five minutes. It takes half a
/// minute on two cores; on a machine that emulates its processor it takes ten times as long.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(300);

/// A cluster that was asked for. [`RawSpec::check`](super::RawSpec::check) makes one; the default is
/// the cluster of a user who asked for nothing in particular.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// Records hold it, and an older one lacks what came later.
#[serde(default)]
pub struct ClusterSpec {
    /// Its name; `kipod` by default.
    pub name: ClusterName,
    /// The node image; `localhost/kipod-node:latest` by default.
    pub image: ImageReference,
    /// Its nodes, control planes first; at least one of them, and an odd number. One control plane
    /// by default.
    pub nodes: Vec<NodeSpec>,
    /// Its addresses.
    pub networking: Networking,
    /// Kubernetes' feature gates, for every component, on or off; none by default.
    pub feature_gates: BTreeMap<String, bool>,
    /// The API server's runtime configuration: which APIs it has; none by default.
    pub runtime_config: BTreeMap<String, String>,
    /// What is changed in the documents that kubeadm reads, on every node; nothing by default.
    pub kubeadm_patches: KubeadmPatches,
    /// CRI-O drop-ins, TOML by file name, on every node; none by default.
    pub crio_drop_ins: BTreeMap<String, String>,
    /// Where images of registries are pulled from; from themselves by default.
    pub registries: Vec<Registry>,
    /// The file with the credentials that nodes pull images with; none by default. One that is not
    /// absolute starts at the current folder.
    pub registry_auth_file: Option<PathBuf>,
    /// Whether pods can use every image of the user's own Podman store; they can by default.
    pub host_images: bool,
    /// Images that the cluster has from the start, of the user's own Podman store, which pulls those it
    /// does not have; none by default.
    #[serde(default)]
    pub preload: Vec<ImageReference>,
    /// Whether the cluster gets an address of the host at which its Services are reached, and Services
    /// of type `LoadBalancer` get that one; they do by default.
    pub load_balancer: bool,
    /// Whether it has metrics-server, which `kubectl top` and autoscalers ask; it has not by default.
    pub metrics: bool,
    /// How long creation waits for it to be ready; zero does not wait. [`DEFAULT_WAIT`] by default.
    pub wait: Duration,
    /// Whether what a failed creation left is kept for inspection; it is removed by default.
    pub retain: bool,
}

impl Default for ClusterSpec {
    fn default() -> Self {
        Self {
            name: ClusterName::default(),
            image: ImageReference::default(),
            nodes: vec![NodeSpec::new(Role::ControlPlane)],
            networking: Networking::default(),
            feature_gates: BTreeMap::new(),
            runtime_config: BTreeMap::new(),
            kubeadm_patches: KubeadmPatches::default(),
            crio_drop_ins: BTreeMap::new(),
            registries: Vec::new(),
            registry_auth_file: None,
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
    /// How many of its nodes have that role.
    pub fn count(&self, role: Role) -> usize {
        self.nodes.iter().filter(|node| node.role == role).count()
    }

    /// What is not wrong, but will not do what was meant either; each is a line.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let all = |patches: &KubeadmPatches, read: &dyn Fn(&str) -> bool, of: &str| {
            let unread = patches.targets().filter_map(|(place, target)| {
                let kind = &target.kind;
                match &target.api_version {
                    Some(version) if target.is_outdated() => Some(format!(
                        "{place}: changes nothing: no kubeadm of this version reads `{version}`"
                    )),
                    _ if !read(kind) => {
                        Some(format!("{place}: changes nothing: kubeadm reads no {kind} on {of}"))
                    }
                    _ => None,
                }
            });
            unread.collect::<Vec<_>>()
        };
        // A cluster's patch may be for documents that only a larger cluster has.
        remarks.extend(all(&self.kubeadm_patches, &|_| true, "it"));
        for (index, node) in self.nodes.iter().enumerate() {
            // Only the first control plane runs `kubeadm init`; all others run `kubeadm join`.
            let (read, of): (&dyn Fn(&str) -> bool, _) = match index {
                0 => (&|kind| kind != "JoinConfiguration", "the first control plane"),
                _ => (&|kind| kind == "JoinConfiguration", "a node that joins"),
            };
            remarks.extend(all(&node.kubeadm_patches, read, of));
        }
        remarks
    }
}
