//! Routes between the nodes of a cluster.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{NodeIdentity, has_balancer};
use crate::kubernetes::Role;
use crate::node::{self as inside, NodeFile, Route};
use crate::spec::{ClusterSpec, INTERNAL_NODE_ADDRESSES};

/// Returns the file with the routes of a node.
pub fn routes_file(
    spec: &ClusterSpec,
    identities: &[NodeIdentity],
    identity: &NodeIdentity,
) -> NodeFile {
    inside::routes_file(&routes(spec, identity, identities))
}

/// Returns the routes of a node: to the pod CIDRs of all other nodes, unless the default CNI is
/// disabled, and to the internal addresses of a single control plane.
pub(super) fn routes(
    spec: &ClusterSpec,
    identity: &NodeIdentity,
    all: &[NodeIdentity],
) -> Vec<Route> {
    let family = spec.networking.ip_family;
    let others = all.iter().filter(|other| other.name != identity.name);
    let through = |other: &NodeIdentity, destinations: Vec<IpNet>| {
        let routes = destinations.into_iter().zip(other.addresses(family));
        routes.map(|(destination, gateway)| Route { destination, gateway }).collect::<Vec<_>>()
    };
    let mut routes: Vec<_> = others
        .clone()
        .filter(|_| !spec.networking.disable_default_cni)
        .flat_map(|other| through(other, other.pod_subnets(family)))
        .collect();
    let control_plane = others.clone().find(|other| other.role == Role::ControlPlane);
    if let (false, Some(control_plane)) = (has_balancer(spec), control_plane) {
        let internal: Vec<IpAddr> = INTERNAL_NODE_ADDRESSES.each(family);
        let internal = internal.into_iter().map(IpNet::from).collect();
        routes.extend(through(control_plane, internal));
    }
    routes
}
