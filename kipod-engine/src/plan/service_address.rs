//! The host's address at which a cluster's Services are reached.
//!
//! In rootless Podman nobody on the host can reach the nodes' network; what is published can be
//! reached. So one node publishes every node port there is, under its own number, on a loopback address
//! that no other cluster has: kube-proxy does all the rest.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::podman::PortMapping;
use crate::spec::{ClusterSpec, Protocol};

/// The ports that Services get on nodes. Source: kube-apiserver's `--service-node-port-range`.
pub const NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;

/// Those of them that are published for UDP. Podman's forwarder needs 70 KiB and 0.2 ms for each, so
/// all of them would cost 200 MiB and half a second. These are the ones that the API server gives out
/// last unless they are asked for, so they are free most often. Source: Kubernetes, "Avoiding collisions
/// assigning ports to NodePort Services".
pub const UDP_NODE_PORTS: RangeInclusive<u16> = 30_000..=30_085;

/// A cluster's own address on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAddress {
    /// A loopback address that no other cluster has.
    pub address: Ipv4Addr,
    /// TCP node ports that something else has on all addresses of the host: they are not published.
    pub tcp_taken: BTreeSet<u16>,
    /// UDP ports, likewise.
    pub udp_taken: BTreeSet<u16>,
}

impl ServiceAddress {
    /// Where the `number`th cluster of a user, from zero, has its Services. Users have addresses of
    /// their own, so that one who starts a cluster again finds nobody else there.
    pub fn candidates(user: u32) -> impl Iterator<Item = Ipv4Addr> {
        let third = (user % 256) as u8;
        (1..=254).map(move |fourth| Ipv4Addr::new(127, 77, third, fourth))
    }

    /// What a container publishes on it.
    pub(super) fn ports(&self) -> Vec<PortMapping> {
        let published = |free: Vec<RangeInclusive<u16>>, protocol| {
            free.into_iter().map(move |range| PortMapping {
                host_address: self.address.into(),
                host_port: Some(*range.start()),
                container_port: *range.start(),
                protocol,
                count: range.end() - range.start() + 1,
            })
        };
        let tcp = published(ranges(NODE_PORTS, &self.tcp_taken), "tcp");
        tcp.chain(published(ranges(UDP_NODE_PORTS, &self.udp_taken), "udp")).collect()
    }

    /// The node ports of a protocol at which the address does not answer.
    pub(super) fn unreachable(&self, spec: &ClusterSpec, protocol: Protocol) -> Vec<u16> {
        let taken = match protocol {
            Protocol::Tcp => &self.tcp_taken,
            Protocol::Udp => &self.udp_taken,
            Protocol::Sctp => return Vec::new(),
        };
        let passed_on = |port: &u16| {
            let mut all = spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
            all.any(|mapping| {
                mapping.host_port == Some(*port)
                    && mapping.container_port == *port
                    && mapping.protocol == protocol
            })
        };
        taken.iter().copied().filter(|port| !passed_on(port)).collect()
    }
}

/// `ports` without those that are taken.
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
    fn every_free_node_port_is_published_under_its_own_number() {
        let shown = |tcp: &[u16], udp: &[u16]| {
            let lines = address(tcp, udp).ports().into_iter().map(|port| {
                assert_eq!(port.host_port, Some(port.container_port));
                format!("{} {}+{}", port.protocol, port.container_port, port.count)
            });
            lines.collect::<Vec<_>>()
        };
        assert_eq!(shown(&[], &[]), ["tcp 30000+2768", "udp 30000+86"]);
        assert_eq!(
            shown(&[30_000, 30_080, 30_081, 32_767], &[30_085]),
            ["tcp 30001+79", "tcp 30082+2685", "udp 30000+85"]
        );
    }

    #[test]
    fn a_port_that_a_node_publishes_itself_is_reached_all_the_same() {
        let mapping = |host_port, container_port, protocol| crate::spec::ExtraPort {
            container_port,
            host_port: Some(host_port),
            listen_address: [0, 0, 0, 0].into(),
            protocol,
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
    fn users_have_addresses_of_their_own() {
        let first = |user| ServiceAddress::candidates(user).next().unwrap().to_string();
        assert_eq!([first(1000), first(1001)], ["127.77.232.1", "127.77.233.1"]);
    }
}
