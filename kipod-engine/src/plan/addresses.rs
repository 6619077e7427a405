//! Addresses of nodes, load balancer and gateway in the node network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::podman::NetworkInfo;
use crate::spec::{DualStack, IpFamily, Subnet, Subnet6};

/// The host part of addresses in the node network, which is a /24. The load balancer has the last
/// address, so that nodes can be added.
const GATEWAY: u32 = 1;
const FIRST_NODE: u32 = 2;
const BALANCER: u32 = 254;
const NODE_NETWORK_LENGTH: u8 = 24;
/// The subnet of all node networks and of all registries of the host: see [`node_subnets`].
pub(super) const NODE_SUBNET_POOL: &str = "10.89.0.0/16";
/// The prefix length of the node network in IPv6.
const NODE_NETWORK_LENGTH6: u8 = 64;

/// Returns the addresses for nodes, lowest first; added nodes take the first free one.
pub(super) fn node_addresses(node_subnet: &Subnet) -> impl Iterator<Item = Ipv4Addr> {
    (FIRST_NODE..BALANCER).filter_map(|index| node_subnet.nth(index))
}

/// Returns a node's addresses, one per IP family of the cluster.
pub(super) fn addresses(address: Ipv4Addr, family: IpFamily) -> Vec<IpAddr> {
    DualStack::new(address, address6(address)).each(family)
}

/// Returns the IPv6 address for a node's IPv4 address: the same digits, in the range of unique local
/// addresses (RFC 4193). `10.89.7.254` maps to `fd00:10:89:7::254`.
pub(super) fn address6(address: Ipv4Addr) -> Ipv6Addr {
    // 137 becomes 0x137.
    let digits = |byte: u8| {
        let byte = u16::from(byte);
        byte / 100 * 0x100 + byte / 10 % 10 * 0x10 + byte % 10
    };
    let [a, b, c, d] = address.octets().map(digits);
    Ipv6Addr::new(0xfd00, a, b, c, 0, 0, 0, d)
}

/// Returns the IPv6 subnet for the node network's IPv4 subnet.
pub(super) fn node_subnet6(node_subnet: &Subnet) -> Subnet6 {
    let address = address6(node_subnet.address());
    Subnet6::around(address, NODE_NETWORK_LENGTH6).expect("64 is below 128")
}

/// Returns the node network that contains an address.
pub(super) fn node_network_of(address: Ipv4Addr) -> Option<Subnet> {
    Subnet::around(address, NODE_NETWORK_LENGTH)
}

/// Returns the address of the network's bridge.
pub(crate) fn gateway(node_subnet: &Subnet) -> Ipv4Addr {
    nth(node_subnet, GATEWAY)
}

/// Returns the first address after that of the bridge.
pub(crate) fn first_address(node_subnet: &Subnet) -> Ipv4Addr {
    nth(node_subnet, FIRST_NODE)
}

/// Returns the node network's IPv6 subnet, and the address of the bridge in it.
pub(super) fn ipv6(node_subnet: &Subnet) -> (String, Ipv6Addr) {
    (node_subnet6(node_subnet).to_string(), address6(gateway(node_subnet)))
}

/// Returns the load balancer's address.
pub(super) fn balancer(node_subnet: &Subnet) -> Ipv4Addr {
    nth(node_subnet, BALANCER)
}

/// Returns an address of a node subnet, which contains each `index` of this module.
fn nth(subnet: &Subnet, index: u32) -> Ipv4Addr {
    subnet.nth(index).unwrap_or_else(|| subnet.address())
}

/// Returns the subnets of Podman's networks for one IP family. Those of the other do not parse.
pub(crate) fn subnets_of<S: FromStr>(networks: &[NetworkInfo]) -> Vec<S> {
    let all = networks.iter().flat_map(|network| &network.subnets);
    all.filter_map(|subnet| subnet.parse().ok()).collect()
}

/// Chooses the first node subnet that does not overlap `used` (IPv4) and `used6` (IPv6). Subnets that
/// do not overlap the host's networks either, `host_networks`, are preferred.
pub fn choose_node_subnet(
    used: &[Subnet],
    used6: &[Subnet6],
    host_networks: &[Subnet],
) -> Option<Subnet> {
    let is_free = |candidate: &Subnet| {
        let candidate6 = node_subnet6(candidate);
        !used.iter().any(|other| other.overlaps(candidate))
            && !used6.iter().any(|other| other.overlaps(&candidate6))
    };
    let is_preferred =
        |candidate: &Subnet| !host_networks.iter().any(|other| other.overlaps(candidate));
    let mut free = node_subnets().filter(is_free).peekable();
    let first = free.peek().copied();
    free.find(is_preferred).or(first)
}

/// `10.89.0.0/24` to `10.89.255.0/24`: the start of Podman's default pool of subnets.
/// Source: containers.conf(5), `default_subnet_pools`.
fn node_subnets() -> impl Iterator<Item = Subnet> {
    (0..=255_u8).filter_map(|third| format!("10.89.{third}.0/24").parse().ok())
}
