//! Paths and the API server's port inside a node.

/// The port of the API server inside a node.
pub const API_PORT: u16 = 6443;
/// Mount point of the host directory to which the node reports its progress.
pub const STATUS_DIR: &str = "/kipod/status";
/// Mount point of the shared image store for the node's Kubernetes version.
pub const SHARED_STORE: &str = "/kipod/images";
/// Mount point of the control plane's shared image store, on nodes of another Kubernetes version:
/// they run kube-proxy and CoreDNS in the control plane's version.
pub const CONTROL_PLANE_STORE: &str = "/kipod/control-plane-images";
/// Mount point of the cluster's own image store, which contains the images loaded into the cluster.
pub const CLUSTER_STORE: &str = "/kipod/cluster-images";
/// Mount point of the user's image store.
pub const HOST_STORE: &str = "/kipod/host-images";
/// The directory on the node's volume that contains all files of kipod.
pub(super) const ROOT: &str = "/var/lib/kipod";
