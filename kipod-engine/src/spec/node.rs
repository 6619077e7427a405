//! What each node of a cluster shall be.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ImageReference;

/// How many nodes a cluster may have: each gets an address of a /24, beside the gateway and the load
/// balancer.
pub const MAX_NODES: usize = 250;

/// What a node does in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It runs the control plane, and etcd beside it. It takes pods of users only where the cluster
    /// has no worker.
    ControlPlane,
    /// It runs pods of users.
    Worker,
}

impl Role {
    /// Every role, control planes first, which is the order of nodes.
    pub const ALL: [Self; 2] = [Self::ControlPlane, Self::Worker];

    /// The role's word, in names of nodes, in labels and in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "control-plane",
            Self::Worker => "worker",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| format!("`{text}` is not a role: `control-plane` and `worker` are"))
    }
}

/// A node that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// What it does.
    pub role: Role,
    /// Its node image; `None` is the cluster's.
    pub image: Option<ImageReference>,
}

impl NodeSpec {
    /// A node of that role, with nothing else said of it.
    pub fn new(role: Role) -> Self {
        Self { role, image: None }
    }
}
