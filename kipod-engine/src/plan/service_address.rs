//! The host address for a cluster's Services.
//!
//! With rootless Podman, the node network is not reachable from the host; published ports are. So one
//! node publishes all node ports, each with the same number on the host, on a loopback address that no
//! other cluster uses. kube-proxy forwards the traffic.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::podman::PortMapping;
use crate::spec::{ClusterSpec, Protocol};

/// The node ports of Services. Source: kube-apiserver's `--service-node-port-range`.
pub const NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;

/// The node ports that are published for UDP. Podman's port forwarder needs 70 KiB and 0.2 ms for each
/// port, so all node ports would cost 200 MiB and half a second. The API server assigns the ports of
/// this range last, so they are available for explicit use. Source: Kubernetes, "Avoiding collisions
/// assigning ports to NodePort Services".
pub const UDP_NODE_PORTS: RangeInclusive<u16> = 30_000..=30_085;

/// The host address for a cluster's Services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAddress {
    /// A loopback address that no other cluster uses.
    pub address: Ipv4Addr,
    /// TCP node ports that another program uses on all host addresses. They are not published.
    pub tcp_taken: BTreeSet<u16>,
    /// UDP node ports that another program uses on all host addresses.
    pub udp_taken: BTreeSet<u16>,
}

impl ServiceAddress {
    /// Returns the addresses for the clusters of a user. Each user has its own addresses, so that the
    /// address of a stopped cluster is still free when the cluster is started again.
    pub fn candidates(user: u32) -> impl Iterator<Item = Ipv4Addr> {
        let third = (user % 256) as u8;
        (1..=254).map(move |fourth| Ipv4Addr::new(127, 77, third, fourth))
    }

    /// Returns the port mappings of the container that publishes the node ports.
    pub(super) fn ports(&self) -> Vec<PortMapping> {
        let mappings = |free: Vec<RangeInclusive<u16>>, protocol| {
            free.into_iter().map(move |range| PortMapping {
                host_address: self.address.into(),
                host_port: Some(*range.start()),
                container_port: *range.start(),
                protocol,
                count: range.end() - range.start() + 1,
            })
        };
        let tcp = mappings(ranges(NODE_PORTS, &self.tcp_taken), "tcp");
        tcp.chain(mappings(ranges(UDP_NODE_PORTS, &self.udp_taken), "udp")).collect()
    }

    /// Returns the node ports of a protocol that do not lead to this cluster on the host. A used port
    /// does if a node's port mapping forwards it to the same port.
    pub(super) fn unreachable(&self, spec: &ClusterSpec, protocol: Protocol) -> Vec<u16> {
        let taken = match protocol {
            Protocol::Tcp => &self.tcp_taken,
            Protocol::Udp => &self.udp_taken,
            Protocol::Sctp => return Vec::new(),
        };
        let is_mapped = |port: &u16| {
            let mut all = spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
            all.any(|mapping| {
                mapping.host_port == Some(*port)
                    && mapping.container_port == *port
                    && mapping.protocol == protocol
            })
        };
        taken.iter().copied().filter(|port| !is_mapped(port)).collect()
    }
}

/// Returns the ranges of `ports` without the used ports.
fn ranges(ports: RangeInclusive<u16>, taken: &BTreeSet<u16>) -> Vec<RangeInclusive<u16>> {
    let (mut ranges, mut start) = (Vec::new(), *ports.start());
    for taken in taken.range(ports.clone()) {
        if start < *taken {
            ranges.push(start..=taken - 1);
        }
        start = taken + 1;
    }
    if start <= *ports.end() {
        ranges.push(start..=*ports.end());
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(tcp: &[u16], udp: &[u16]) -> ServiceAddress {
        ServiceAddress {
            address: [127, 77, 0, 1].into(),
            tcp_taken: tcp.iter().copied().collect(),
            udp_taken: udp.iter().copied().collect(),
        }
    }

    #[test]
    fn free_node_ports_are_published() {
        let published = |tcp: &[u16], udp: &[u16]| {
            let lines = address(tcp, udp).ports().into_iter().map(|port| {
                assert_eq!(port.host_port, Some(port.container_port));
                format!("{} {}+{}", port.protocol, port.container_port, port.count)
            });
            lines.collect::<Vec<_>>()
        };
        assert_eq!(published(&[], &[]), ["tcp 30000+2768", "udp 30000+86"]);
        assert_eq!(
            published(&[30_000, 30_080, 30_081, 32_767], &[30_085]),
            ["tcp 30001+79", "tcp 30082+2685", "udp 30000+85"]
        );
    }

    #[test]
    fn mapped_node_port_is_reachable() {
        let mapping = |host_port, container_port, protocol| crate::spec::ExtraPort {
            host_port: Some(host_port),
            protocol,
            ..crate::spec::ExtraPort::new(container_port)
        };
        let mut spec = ClusterSpec::default();
        spec.nodes[0].extra_port_mappings = vec![
            mapping(30_080, 30_080, Protocol::Tcp),
            mapping(30_443, 443, Protocol::Tcp),
            mapping(30_053, 30_053, Protocol::Udp),
        ];
        let taken = [30_053, 30_080, 30_443];
        let unreachable = |protocol| address(&taken, &taken).unreachable(&spec, protocol);
        assert_eq!(unreachable(Protocol::Tcp), [30_053, 30_443]);
        assert_eq!(unreachable(Protocol::Udp), [30_080, 30_443]);
    }

    #[test]
    fn users_have_distinct_addresses() {
        let first = |user| ServiceAddress::candidates(user).next().unwrap().to_string();
        assert_eq!([first(1000), first(1001)], ["127.77.232.1", "127.77.233.1"]);
    }
}
