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
}
