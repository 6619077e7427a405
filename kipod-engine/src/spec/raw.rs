//! What a user typed.

/// What a user typed, unchecked; `None` is what was left out. [`check`](Self::check) gives it
/// meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawSpec {
    /// The cluster's name.
    pub name: Option<String>,
    /// The node image's reference.
    pub image: Option<String>,
    /// The host's address for the API server.
    pub api_server_address: Option<String>,
    /// The host's port for the API server.
    pub api_server_port: Option<String>,
    /// The subnet of the pods.
    pub pod_subnet: Option<String>,
    /// The subnet of the Services.
    pub service_subnet: Option<String>,
    /// How long to wait for the cluster to be ready.
    pub wait: Option<String>,
    /// Whether to keep what a failed creation left.
    pub retain: bool,
    /// How many control plane nodes, where [`nodes`](Self::nodes) does not list them.
    pub control_planes: Option<String>,
    /// How many worker nodes, where [`nodes`](Self::nodes) does not list them.
    pub workers: Option<String>,
    /// Each node by itself; empty where only numbers were given, or nothing.
    pub nodes: Vec<RawNode>,
}

/// What a user typed of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawNode {
    /// Its role; a control plane where it was left out.
    pub role: Option<String>,
    /// Its node image's reference.
    pub image: Option<String>,
}
