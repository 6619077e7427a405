//! Labels of the Podman resources that kipod creates.

/// The cluster's name.
pub const CLUSTER: &str = "io.kipod.cluster";
/// The container's role: `control-plane`, `worker`, `load-balancer` or `image-hold`.
pub const ROLE: &str = "io.kipod.role";
/// The node's Kubernetes version. A load balancer does not have this label.
pub const KUBERNETES_VERSION: &str = "io.kipod.kubernetes-version";

/// The role of the container that balances load between several control planes. It is not a node.
pub const LOAD_BALANCER: &str = "load-balancer";

/// The role of a container that holds an image of the user's store. It is not a node, and never runs.
pub const IMAGE_HOLD: &str = "image-hold";
/// The id of a held image.
pub const HELD_ID: &str = "io.kipod.image-id";
/// The name under which a held image was found.
pub const HELD_NAME: &str = "io.kipod.image-name";
