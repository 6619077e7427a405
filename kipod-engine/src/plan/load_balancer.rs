//! The load balancer of a cluster with several control planes.

use std::net::IpAddr;

use super::addresses::{self, addresses};
use super::identity::{NodeIdentity, control_planes, node_network};
use crate::kubernetes::Role;
use crate::node::{self as inside, NodeFile};
use crate::spec::{ClusterSpec, IpFamily};

/// Returns whether a cluster has a load balancer. A cluster that was created with several control
/// planes keeps it, even if only one is left.
pub fn has_balancer(spec: &ClusterSpec) -> bool {
    spec.count(Role::ControlPlane) > 1
}

/// Returns the files of the load balancer for these nodes.
pub fn balancer_files(spec: &ClusterSpec, identities: &[NodeIdentity]) -> Vec<NodeFile> {
    inside::balancer_files(&control_planes(spec, identities))
}

/// Returns the load balancer's addresses in the node network of existing nodes, one per IP family of
/// the cluster.
pub fn load_balancer_addresses(family: IpFamily, identities: &[NodeIdentity]) -> Vec<IpAddr> {
    node_network(identities)
        .map(|network| addresses(addresses::balancer(&network), family))
        .unwrap_or_default()
}
