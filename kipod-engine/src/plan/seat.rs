//! Who has which name, address and part of the pod subnet.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{LOAD_BALANCER, has_balancer};
use crate::node::Route;
use crate::spec::{
    ClusterName, ClusterSpec, INTERNAL_NODE_ADDRESS, MAX_NODES, NODE_POD_LENGTH, Role, Subnet,
};

/// The places of addresses in the nodes' network, a /24: the bridge's own, the first node's, and the
/// load balancer's, out of the way of nodes that come later.
const GATEWAY: u32 = 1;
const FIRST_NODE: u32 = 2;
const BALANCER: u32 = 254;
const NODE_NETWORK_LENGTH: u8 = 24;

/// A node's place in its cluster, the same for as long as the node is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Its name.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its address on the nodes' network.
    pub address: Ipv4Addr,
    /// Its part of the pod subnet.
    pub pod_subnet: Subnet,
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

/// The seats of a cluster's nodes, in their order.
pub fn seats(spec: &ClusterSpec, node_subnet: &Subnet) -> Vec<Seat> {
    let places = spec.networking.pod_subnet.parts(NODE_POD_LENGTH);
    let seats = spec.nodes.iter().zip(node_names(spec)).zip(places).zip(FIRST_NODE..);
    seats
        .map(|(((node, name), pod_subnet), place)| Seat {
            name,
            role: node.role,
            address: nth(node_subnet, place),
            pod_subnet,
        })
        .collect()
}

/// The seat of one more node of that role: the first free number, address and part of the pod subnet.
/// `None` where one of them is used up.
pub fn next_seat(spec: &ClusterSpec, taken: &[Seat], role: Role) -> Option<Seat> {
    let network = node_network(taken)?;
    let name = (0..MAX_NODES)
        .map(|number| node_name(&spec.name, role, number))
        .find(|name| taken.iter().all(|seat| seat.name != *name))?;
    let address = (FIRST_NODE..BALANCER)
        .filter_map(|place| network.nth(place))
        .find(|address| taken.iter().all(|seat| seat.address != *address))?;
    let mut parts = spec.networking.pod_subnet.parts(NODE_POD_LENGTH);
    let pod_subnet = parts.find(|part| taken.iter().all(|seat| seat.pod_subnet != *part))?;
    Some(Seat { name, role, address, pod_subnet })
}

/// The network that nodes with these seats are on.
pub fn node_network(seats: &[Seat]) -> Option<Subnet> {
    Subnet::around(seats.first()?.address, NODE_NETWORK_LENGTH)
}

/// The nodes that have the control plane, by name and address.
pub fn control_planes(seats: &[Seat]) -> Vec<(String, Ipv4Addr)> {
    let found = seats.iter().filter(|seat| seat.role == Role::ControlPlane);
    found.map(|seat| (seat.name.clone(), seat.address)).collect()
}

/// The name of what is in front of several control planes.
pub fn load_balancer_name(cluster: &ClusterName) -> String {
    format!("{cluster}-{LOAD_BALANCER}")
}

/// The address of what is in front of several control planes, in the network of nodes with these seats.
pub fn load_balancer_address(seats: &[Seat]) -> Option<Ipv4Addr> {
    Some(balancer(&node_network(seats)?))
}

/// The bridge's own address.
pub(super) fn gateway(node_subnet: &Subnet) -> Ipv4Addr {
    nth(node_subnet, GATEWAY)
}

/// The load balancer's address.
pub(super) fn balancer(node_subnet: &Subnet) -> Ipv4Addr {
    nth(node_subnet, BALANCER)
}

/// How a node reaches the pods of all others, unless that is left to another network of pods, and the
/// control plane where that is known by its internal address.
pub(super) fn routes(spec: &ClusterSpec, seat: &Seat, all: &[Seat]) -> Vec<Route> {
    let others = all.iter().filter(|other| other.name != seat.name);
    let mut routes: Vec<_> = others
        .clone()
        .filter(|_| !spec.networking.disable_default_cni)
        .map(|other| Route { destination: other.pod_subnet, gateway: other.address })
        .collect();
    let control_plane = others.clone().find(|other| other.role == Role::ControlPlane);
    if let (false, Some(control_plane)) = (has_balancer(spec), control_plane)
        && let Some(destination) = Subnet::around(INTERNAL_NODE_ADDRESS, 32)
    {
        routes.push(Route { destination, gateway: control_plane.address });
    }
    routes
}

/// An address of a node subnet, which is large enough for every caller's `index`.
fn nth(subnet: &Subnet, index: u32) -> Ipv4Addr {
    subnet.nth(index).unwrap_or_else(|| subnet.address())
}
