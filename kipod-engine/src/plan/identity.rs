//! Who has which name, address and part of the pod subnet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{LOAD_BALANCER, has_balancer};
use crate::kubernetes::Role;
use crate::node::Route;
use crate::spec::{
    ClusterName, ClusterSpec, DualStack, INTERNAL_NODE_ADDRESSES, IpFamily, MAX_NODES,
    NODE_POD_CIDR_LENGTHS, Subnet, Subnet6,
};

/// The places of addresses in the nodes' network, a /24: the bridge's own, the first node's, and the
/// load balancer's, out of the way of nodes that come later.
const GATEWAY: u32 = 1;
const FIRST_NODE: u32 = 2;
const BALANCER: u32 = 254;
const NODE_NETWORK_LENGTH: u8 = 24;
/// The length of the nodes' network in IPv6.
const NODE_NETWORK_LENGTH6: u8 = 64;

/// A node's place in its cluster, the same for as long as the node is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeIdentity {
    /// Its name.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its IPv4 address on the nodes' network, which has them in every cluster.
    pub address: Ipv4Addr,
    /// Its part of the IPv4 pod subnet. Without meaning in a cluster without IPv4.
    pub pod_subnet: Subnet,
    /// Its part of the IPv6 pod subnet, in a cluster with IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_subnet6: Option<Subnet6>,
}

impl NodeIdentity {
    /// Its addresses, one of each family that the cluster has.
    pub fn addresses(&self, family: IpFamily) -> Vec<IpAddr> {
        addresses(self.address, family)
    }

    /// Its parts of the pod subnets, in each family that the cluster has.
    pub fn pod_subnets(&self, family: IpFamily) -> Vec<IpNet> {
        let v4 = family.has_ipv4().then(|| self.pod_subnet.into());
        v4.into_iter().chain(self.pod_subnet6.map(IpNet::from)).collect()
    }
}

/// A node's addresses, one of each family that the cluster has.
pub(super) fn addresses(address: Ipv4Addr, family: IpFamily) -> Vec<IpAddr> {
    DualStack::new(address, address6(address)).each(family)
}

/// The IPv6 address that goes with an IPv4 address of a node: the same digits, below `fd00::/16`,
/// which is for everybody's own use (RFC 4193). `10.89.7.254` is `fd00:10:89:7::254`.
pub(super) fn address6(address: Ipv4Addr) -> Ipv6Addr {
    // 137 reads the same in both notations as 0x137.
    let digits = |byte: u8| {
        let byte = u16::from(byte);
        byte / 100 * 0x100 + byte / 10 % 10 * 0x10 + byte % 10
    };
    let [a, b, c, d] = address.octets().map(digits);
    Ipv6Addr::new(0xfd00, a, b, c, 0, 0, 0, d)
}

/// The nodes' network in IPv6, by what it is in IPv4.
pub(super) fn node_subnet6(node_subnet: &Subnet) -> Subnet6 {
    let address = address6(node_subnet.address());
    Subnet6::around(address, NODE_NETWORK_LENGTH6).expect("64 is below 128")
}

/// The name of the `number`th node of a role, from zero.
pub(super) fn node_name(cluster: &ClusterName, role: Role, number: usize) -> String {
    format!("{cluster}-{role}-{number}")
}

/// The name of a cluster's only, or first, control plane node.
pub fn control_plane_name(cluster: &ClusterName) -> String {
    node_name(cluster, Role::ControlPlane, 0)
}

/// The names of a cluster's nodes, in their order.
pub fn node_names(spec: &ClusterSpec) -> Vec<String> {
    Role::ALL
        .into_iter()
        .flat_map(|role| (0..spec.count(role)).map(move |number| (role, number)))
        .map(|(role, number)| node_name(&spec.name, role, number))
        .collect()
}

/// The identities of a cluster's nodes, in their order.
pub fn identities(spec: &ClusterSpec, node_subnet: &Subnet) -> Vec<NodeIdentity> {
    let places = spec.networking.pod_subnet.v4.parts(NODE_POD_CIDR_LENGTHS.v4);
    let mut places6 = pod_subnets6(spec);
    let identities = spec.nodes.iter().zip(node_names(spec)).zip(places).zip(FIRST_NODE..);
    identities
        .map(|(((node, name), pod_subnet), place)| NodeIdentity {
            name,
            role: node.role,
            address: nth(node_subnet, place),
            pod_subnet,
            pod_subnet6: places6.next(),
        })
        .collect()
}

/// The parts of the IPv6 pod subnet that nodes can have; none where the cluster has no IPv6.
fn pod_subnets6(spec: &ClusterSpec) -> impl Iterator<Item = Subnet6> {
    let pods = &spec.networking.pod_subnet.v6;
    let has = spec.networking.ip_family.has_ipv6();
    has.then(|| pods.parts(NODE_POD_CIDR_LENGTHS.v6)).into_iter().flatten()
}

/// The identity of one more node of that role: the first free number, address and part of the pod subnet.
/// `None` where one of them is used up.
pub fn next_identity(
    spec: &ClusterSpec,
    taken: &[NodeIdentity],
    role: Role,
) -> Option<NodeIdentity> {
    let network = node_network(taken)?;
    let name = (0..MAX_NODES)
        .map(|number| node_name(&spec.name, role, number))
        .find(|name| taken.iter().all(|identity| identity.name != *name))?;
    let address = (FIRST_NODE..BALANCER)
        .filter_map(|place| network.nth(place))
        .find(|address| taken.iter().all(|identity| identity.address != *address))?;
    let mut parts = spec.networking.pod_subnet.v4.parts(NODE_POD_CIDR_LENGTHS.v4);
    let pod_subnet =
        parts.find(|part| taken.iter().all(|identity| identity.pod_subnet != *part))?;
    let part6 = pod_subnets6(spec)
        .find(|part| taken.iter().all(|identity| identity.pod_subnet6 != Some(*part)));
    if spec.networking.ip_family.has_ipv6() && part6.is_none() {
        return None;
    }
    Some(NodeIdentity { name, role, address, pod_subnet, pod_subnet6: part6 })
}

/// The network that nodes with these identities are on.
pub fn node_network(identities: &[NodeIdentity]) -> Option<Subnet> {
    Subnet::around(identities.first()?.address, NODE_NETWORK_LENGTH)
}

/// The nodes that have the control plane, by name and the address of the cluster's first family.
pub(super) fn control_planes(
    spec: &ClusterSpec,
    identities: &[NodeIdentity],
) -> Vec<(String, IpAddr)> {
    let family = spec.networking.ip_family;
    let found = identities.iter().filter(|identity| identity.role == Role::ControlPlane);
    found.map(|identity| (identity.name.clone(), identity.addresses(family)[0])).collect()
}

/// The name of what is in front of several control planes.
pub fn load_balancer_name(cluster: &ClusterName) -> String {
    format!("{cluster}-{LOAD_BALANCER}")
}

/// The addresses of what is in front of several control planes, in the network of nodes with these
/// identities, one of each family that the cluster has.
pub fn load_balancer_addresses(family: IpFamily, identities: &[NodeIdentity]) -> Vec<IpAddr> {
    node_network(identities)
        .map(|network| addresses(balancer(&network), family))
        .unwrap_or_default()
}

/// The bridge's own address.
pub(super) fn gateway(node_subnet: &Subnet) -> Ipv4Addr {
    nth(node_subnet, GATEWAY)
}

/// The nodes' network and the bridge's own address in IPv6.
pub(super) fn ipv6(node_subnet: &Subnet) -> (String, Ipv6Addr) {
    (node_subnet6(node_subnet).to_string(), address6(gateway(node_subnet)))
}

/// The load balancer's address.
pub(super) fn balancer(node_subnet: &Subnet) -> Ipv4Addr {
    nth(node_subnet, BALANCER)
}

/// How a node reaches the pods of all others, unless that is left to another network of pods, and the
/// control plane where that is known by its internal address.
pub(super) fn routes(
    spec: &ClusterSpec,
    identity: &NodeIdentity,
    all: &[NodeIdentity],
) -> Vec<Route> {
    let family = spec.networking.ip_family;
    let others = all.iter().filter(|other| other.name != identity.name);
    let by_way_of = |other: &NodeIdentity, destinations: Vec<IpNet>| {
        let ways = destinations.into_iter().zip(other.addresses(family));
        ways.map(|(destination, gateway)| Route { destination, gateway }).collect::<Vec<_>>()
    };
    let mut routes: Vec<_> = others
        .clone()
        .filter(|_| !spec.networking.disable_default_cni)
        .flat_map(|other| by_way_of(other, other.pod_subnets(family)))
        .collect();
    let control_plane = others.clone().find(|other| other.role == Role::ControlPlane);
    if let (false, Some(control_plane)) = (has_balancer(spec), control_plane) {
        let internal: Vec<IpAddr> = INTERNAL_NODE_ADDRESSES.each(family);
        let internal = internal.into_iter().map(IpNet::from).collect();
        routes.extend(by_way_of(control_plane, internal));
    }
    routes
}

/// An address of a node subnet, which is large enough for every caller's `index`.
fn nth(subnet: &Subnet, index: u32) -> Ipv4Addr {
    subnet.nth(index).unwrap_or_else(|| subnet.address())
}
