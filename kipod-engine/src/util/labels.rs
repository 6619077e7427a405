//! Labels of the Podman resources that kipod creates.

/// The cluster's name.
pub const CLUSTER: &str = "io.kipod.cluster";
/// The container's role: `control-plane`, `worker` or `load-balancer`.
pub const ROLE: &str = "io.kipod.role";
/// The node's Kubernetes version. A load balancer does not have this label.
pub const KUBERNETES_VERSION: &str = "io.kipod.kubernetes-version";

/// The role of the container that balances load between several control planes. It is not a node.
pub const LOAD_BALANCER: &str = "load-balancer";
