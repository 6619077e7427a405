//! What is inside a node: the files that CRI-O, kubelet and kubeadm read there. It knows nothing of
//! the host, and is pure: the same [`NodeSettings`] give the same files.
//!
//! Everything lies below `/var`, the node's one volume; the image has links to it from where the
//! programs look (`/etc/kubernetes`, `/etc/crio`, `/etc/cni`, `/etc/containers/storage.conf`).

mod crio;
mod kubeadm;
mod patch;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::pki::Credentials;
use crate::spec::{INTERNAL_NODE_ADDRESS, Subnet};
use crate::time_factor::TimeFactor;

pub use patch::{PatchError, apply_patches};

/// The port of the API server inside a node.
pub const API_PORT: u16 = 6443;
/// Where the host's folder for a node's progress is mounted.
pub const STATUS_DIR: &str = "/kipod/status";
/// Where the shared image store is mounted.
pub const SHARED_STORE: &str = "/kipod/images";
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
    /// The cluster's name.
    pub cluster: &'a str,
    /// The node's name, which is also its host name.
    pub name: &'a str,
    /// The Kubernetes version in its image, as `v1.36.2`.
    pub kubernetes_version: &'a str,
    /// The pause image that kubeadm of that version names.
    pub pause_image: &'a str,
    /// Whether limits can hold.
    pub cgroups: CgroupMode,
    /// The addresses of pods.
    pub pod_subnet: &'a Subnet,
    /// The addresses of Services.
    pub service_subnet: &'a Subnet,
    /// The host's address at which the API server is published.
    pub api_server_address: IpAddr,
    /// Image stores mounted read-only, in the order they are searched.
    pub image_stores: &'a [&'a str],
    /// CRI-O's storage driver.
    pub storage_driver: StorageDriver,
    /// How much slower than usual the machine is.
    pub time_factor: TimeFactor,
    /// The cluster's CA and bootstrap token.
    pub credentials: &'a Credentials,
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

/// Every file that a control plane node finds before it starts.
pub fn control_plane_files(node: &NodeSettings<'_>) -> Vec<NodeFile> {
    let mut files = vec![
        NodeFile::new(
            "node.env",
            format!(
                "KIPOD_NODE_ROLE=control-plane\nKIPOD_INTERNAL_ADDRESS={INTERNAL_NODE_ADDRESS}\n"
            ),
        ),
        NodeFile::new("kubernetes/pki/ca.crt", &node.credentials.ca.certificate),
        NodeFile::secret("kubernetes/pki/ca.key", &node.credentials.ca.key),
        NodeFile::secret("kubeadm/init.yaml", kubeadm::init_documents(node)),
    ];
    files.extend(kubeadm::patches(node.time_factor));
    files.extend(crio::files(node));
    files
}
