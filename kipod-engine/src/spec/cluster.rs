//! A cluster that was asked for, with every value known to be good.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ClusterName, ImageReference, Networking, NodeSpec, Role};

/// How long creating a cluster waits for it to be ready, unless told: five minutes. It takes half a
/// minute on two cores; on a machine that emulates its processor it takes ten times as long.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(300);

/// A cluster that was asked for. [`RawSpec::check`](super::RawSpec::check) makes one; the default is
/// the cluster of a user who asked for nothing in particular.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}
