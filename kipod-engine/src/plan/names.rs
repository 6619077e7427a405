//! Names of a cluster's nodes, load balancer and network.

use super::LOAD_BALANCER;
use crate::kubernetes::Role;
use crate::spec::{ClusterName, ClusterSpec};

/// Returns the name of a node: its role and its number within the role, starting with 0.
pub(super) fn node_name(cluster: &ClusterName, role: Role, number: usize) -> String {
    format!("{cluster}-{role}-{number}")
}

/// Returns the name of a cluster's first control plane node.
pub fn control_plane_name(cluster: &ClusterName) -> String {
    node_name(cluster, Role::ControlPlane, 0)
}

/// Returns the names of a cluster's nodes, in the order of the specification.
pub fn node_names(spec: &ClusterSpec) -> Vec<String> {
    Role::ALL
        .into_iter()
        .flat_map(|role| (0..spec.count(role)).map(move |number| (role, number)))
        .map(|(role, number)| node_name(&spec.name, role, number))
        .collect()
}

/// Returns the name of a cluster's load balancer.
pub fn load_balancer_name(cluster: &ClusterName) -> String {
    format!("{cluster}-{LOAD_BALANCER}")
}

/// Returns the name of a cluster's Podman network.
pub(super) fn network_name(cluster: &ClusterName) -> String {
    format!("kipod-{cluster}")
}
