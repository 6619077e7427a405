//! Labels of everything kipod creates in Podman.

/// The cluster's name.
pub const CLUSTER: &str = "io.kipod.cluster";
/// What the container does: `control-plane`, `worker` or `load-balancer`.
pub const ROLE: &str = "io.kipod.role";
/// The Kubernetes version of the node; a load balancer has none.
pub const KUBERNETES_VERSION: &str = "io.kipod.kubernetes-version";

/// The role of a container that is no node: what is in front of several control planes.
pub const LOAD_BALANCER: &str = "load-balancer";
