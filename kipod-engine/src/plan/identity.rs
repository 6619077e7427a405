//! Node identities: name, role, IP address and pod CIDR.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::addresses::{self, addresses, node_addresses};
use super::names::{node_name, node_names};
use crate::kubernetes::Role;
use crate::spec::{
    ClusterSpec, DualStack, IpFamily, MAX_NODES, NODE_POD_CIDR_LENGTHS, Subnet, Subnet6,
};

/// The identity of a node. It does not change while the node exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeIdentity {
    /// The node's name.
    pub name: String,
    /// The node's role.
    pub role: Role,
    /// The IPv4 address in the node network. The node network has IPv4 in every cluster.
    pub address: Ipv4Addr,
    /// The IPv4 pod CIDR. Unused in a cluster without IPv4.
    pub pod_subnet: Subnet,
    /// The IPv6 pod CIDR, in a cluster with IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_subnet6: Option<Subnet6>,
}

impl NodeIdentity {
    /// Returns the node's addresses, one per IP family of the cluster.
    pub fn addresses(&self, family: IpFamily) -> Vec<IpAddr> {
        addresses(self.address, family)
    }

    /// Returns the node's pod CIDRs, one per IP family of the cluster.
    pub fn pod_subnets(&self, family: IpFamily) -> Vec<IpNet> {
        let subnets =
            DualStack::new(Some(self.pod_subnet.into()), self.pod_subnet6.map(IpNet::from));
        subnets.each::<Option<IpNet>>(family).into_iter().flatten().collect()
    }
}

/// Returns the identities of a cluster's nodes, in the order of the specification.
pub fn identities(spec: &ClusterSpec, node_subnet: &Subnet) -> Vec<NodeIdentity> {
    let pod_subnets = spec.networking.pod_subnet.v4.parts(NODE_POD_CIDR_LENGTHS.v4);
    let mut pod_subnets6 = pod_subnets6(spec);
    let names = spec.nodes.iter().zip(node_names(spec));
    names
        .zip(pod_subnets)
        .zip(node_addresses(node_subnet))
        .map(|(((node, name), pod_subnet), address)| NodeIdentity {
            name,
            role: node.role,
            address,
            pod_subnet,
            pod_subnet6: pod_subnets6.next(),
        })
        .collect()
}

/// Returns the IPv6 pod CIDRs for nodes; none in a cluster without IPv6.
fn pod_subnets6(spec: &ClusterSpec) -> impl Iterator<Item = Subnet6> {
    let pods = &spec.networking.pod_subnet.v6;
    let has = spec.networking.ip_family.has_ipv6();
    has.then(|| pods.parts(NODE_POD_CIDR_LENGTHS.v6)).into_iter().flatten()
}

/// Returns the identity of an additional node: the first free number, address and pod CIDR. Returns
/// `None` if one of them is exhausted.
pub fn next_identity(
    spec: &ClusterSpec,
    existing: &[NodeIdentity],
    role: Role,
) -> Option<NodeIdentity> {
    let network = node_network(existing)?;
    let name = (0..MAX_NODES)
        .map(|number| node_name(&spec.name, role, number))
        .find(|name| existing.iter().all(|identity| identity.name != *name))?;
    let address = node_addresses(&network)
        .find(|address| existing.iter().all(|identity| identity.address != *address))?;
    let mut pod_subnets = spec.networking.pod_subnet.v4.parts(NODE_POD_CIDR_LENGTHS.v4);
    let pod_subnet = pod_subnets
        .find(|subnet| existing.iter().all(|identity| identity.pod_subnet != *subnet))?;
    let pod_subnet6 = pod_subnets6(spec)
        .find(|subnet| existing.iter().all(|identity| identity.pod_subnet6 != Some(*subnet)));
    if spec.networking.ip_family.has_ipv6() && pod_subnet6.is_none() {
        return None;
    }
    Some(NodeIdentity { name, role, address, pod_subnet, pod_subnet6 })
}

/// Returns the node network of existing nodes.
pub fn node_network(identities: &[NodeIdentity]) -> Option<Subnet> {
    addresses::node_network_of(identities.first()?.address)
}

/// Returns the control plane nodes: their names, and their addresses in the cluster's first IP family.
pub(super) fn control_planes(
    spec: &ClusterSpec,
    identities: &[NodeIdentity],
) -> Vec<(String, IpAddr)> {
    let family = spec.networking.ip_family;
    let found = identities.iter().filter(|identity| identity.role == Role::ControlPlane);
    found.map(|identity| (identity.name.clone(), identity.addresses(family)[0])).collect()
}
