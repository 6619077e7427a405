//! Chooses the loopback address on which a cluster's node ports are published.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

use rustix::process::{Resource, getrlimit, getuid};

use crate::cluster::{Record, RecordError};
use crate::events::{Event, Events};
use crate::host::SEND_BUFFER;
use crate::plan::{NODE_PORTS, ServiceAddress, UDP_NODE_PORTS};
use crate::spec::{ClusterSpec, Protocol};
use crate::util::dirs::Dirs;

use crate::actions::create::Request;

/// More open files than Podman's port forwarder needs: one per port, and a few.
const OPEN_FILES: u64 = 4096;

/// Chooses the address of a cluster at each attempt to create it.
pub(in crate::actions) struct ServiceAddressChooser<'a> {
    request: &'a Request,
    events: &'a dyn Events,
    /// `true` if the cluster gets an address.
    wanted: bool,
}

impl<'a> ServiceAddressChooser<'a> {
    pub(in crate::actions) fn new(request: &'a Request, events: &'a dyn Events) -> Self {
        let spec = &request.spec;
        // IPv6 has one loopback address only.
        let wanted = spec.load_balancer && spec.networking.ip_family.has_ipv4();
        Self { request, events, wanted }
    }

    /// Returns the first address that no other cluster has and whose ports are free. Returns `None` if
    /// none is wanted, or, with a warning, none is available: most of a cluster works without.
    pub(in crate::actions) fn choose(
        &mut self,
        dirs: &Dirs,
        api_port: u16,
    ) -> Result<Option<ServiceAddress>, RecordError> {
        let spec = &self.request.spec;
        if !self.wanted {
            return Ok(None);
        }
        let recorded: Vec<Ipv4Addr> = Record::all(&dirs.state)?
            .into_iter()
            .filter_map(|(other, record)| {
                record.filter(|_| other != spec.name).and_then(|record| record.service_address)
            })
            .collect();
        let supported =
            enough_files().and_then(|()| enough_buffer(self.request.machine.many_ports));
        match supported.and_then(|()| free(&recorded, spec, api_port, taken_ports)) {
            Ok(address) => Ok(Some(address)),
            Err(reason) => {
                self.give_up(&reason);
                Ok(None)
            }
        }
    }

    /// Reports that the cluster gets no address, and stops choosing.
    pub(in crate::actions) fn give_up(&mut self, reason: &str) {
        self.wanted = false;
        self.events.send(Event::Warning(format!(
            "Services of type `LoadBalancer` get no address: {reason}; set `loadBalancer: false` to silence this warning"
        )));
    }
}

/// Ports of an address that are not free.
#[derive(Debug, Clone, Default)]
struct Taken {
    tcp: BTreeSet<u16>,
    udp: BTreeSet<u16>,
}

/// Checks the hard limit of open files. Podman's forwarder raises the soft limit itself.
fn enough_files() -> Result<(), String> {
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < OPEN_FILES => {
            Err(format!("a process may open fewer than {OPEN_FILES} files (`ulimit -Hn`)"))
        }
        _ => Ok(()),
    }
}

fn enough_buffer(many_ports: bool) -> Result<(), String> {
    match many_ports {
        true => Ok(()),
        false => Err(format!(
            "Netavark's nftables takes that many ports only if net.core.wmem_max is {SEND_BUFFER} or more (`sudo sysctl net.core.wmem_max={SEND_BUFFER}`)"
        )),
    }
}

fn free(
    recorded: &[Ipv4Addr],
    spec: &ClusterSpec,
    api_port: u16,
    taken_by_others: impl Fn(Ipv4Addr) -> std::io::Result<Taken>,
) -> Result<ServiceAddress, String> {
    let candidates = ServiceAddress::candidates(getuid().as_raw());
    for address in candidates.filter(|address| !recorded.contains(address)) {
        let Taken { mut tcp, mut udp } =
            taken_by_others(address).map_err(|error| format!("`{address}`: {error}"))?;
        let own = own_ports(spec, address, api_port);
        tcp.extend(own.tcp);
        udp.extend(own.udp);
        // An address with most ports in use belongs to another cluster.
        if tcp.len() < NODE_PORTS.len() / 2 {
            return Ok(ServiceAddress { address, tcp_taken: tcp, udp_taken: udp });
        }
    }
    Err("every loopback address for your clusters is in use".to_owned())
}

/// Returns the host ports that the cluster itself publishes at the address.
fn own_ports(spec: &ClusterSpec, address: Ipv4Addr, api_port: u16) -> Taken {
    let matches = |other: IpAddr| other.is_unspecified() || other == IpAddr::V4(address);
    let extra = |protocol, ports: RangeInclusive<u16>| {
        let all = spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
        let matching =
            all.filter(move |port| port.protocol == protocol && matches(port.listen_address));
        matching.filter_map(|port| port.host_port).filter(move |port| ports.contains(port))
    };
    let api = matches(spec.networking.api_server_address) && NODE_PORTS.contains(&api_port);
    Taken {
        tcp: extra(Protocol::Tcp, NODE_PORTS).chain(api.then_some(api_port)).collect(),
        udp: extra(Protocol::Udp, UDP_NODE_PORTS).collect(),
    }
}

/// Returns the node ports in use at the address or at all addresses. Opens one at a time: processes are
/// often limited to 1024 open files.
fn taken_ports(address: Ipv4Addr) -> std::io::Result<Taken> {
    let bind_tcp = |port| TcpListener::bind((address, port)).map(drop);
    let bind_udp = |port| UdpSocket::bind((address, port)).map(drop);
    Ok(Taken { tcp: refused(NODE_PORTS, bind_tcp)?, udp: refused(UDP_NODE_PORTS, bind_udp)? })
}

/// Returns the ports that cannot be bound because they are in use.
fn refused(
    ports: RangeInclusive<u16>,
    bind: impl Fn(u16) -> std::io::Result<()>,
) -> std::io::Result<BTreeSet<u16>> {
    let mut refused = BTreeSet::new();
    for port in ports {
        match bind(port) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                refused.insert(port);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ExtraPort;

    fn first() -> Ipv4Addr {
        ServiceAddress::candidates(getuid().as_raw()).next().unwrap()
    }

    #[test]
    fn free_skips_addresses_of_other_clusters() {
        let spec = ClusterSpec::default();
        let first_in_use = |address| {
            let tcp = NODE_PORTS.filter(|_| address == first()).collect();
            Ok(Taken { tcp, ..Taken::default() })
        };
        let second = free(&[], &spec, 1, first_in_use).unwrap().address;
        assert_ne!(second, first());
        let third = free(&[second], &spec, 1, first_in_use).unwrap().address;
        assert!(![first(), second].contains(&third));
        let refused = |_| Err(ErrorKind::PermissionDenied.into());
        let error = free(&[], &spec, 1, refused).unwrap_err();
        assert_eq!(error, format!("`{}`: permission denied", first()));
    }

    #[test]
    fn free_excludes_the_clusters_own_ports() {
        let mut spec = ClusterSpec::default();
        let mapping = |host_port, protocol| ExtraPort {
            host_port: Some(host_port),
            protocol,
            ..ExtraPort::new(80)
        };
        spec.nodes[0].extra_port_mappings =
            vec![mapping(30_000, Protocol::Tcp), mapping(30_053, Protocol::Udp)];
        spec.networking.api_server_address = [0, 0, 0, 0].into();
        let taken_by_others = |_| Ok(Taken { tcp: [32_001].into(), udp: [30_001].into() });
        let found = free(&[], &spec, 30_443, taken_by_others).unwrap();
        assert_eq!(found.address, first());
        assert_eq!(found.tcp_taken, [30_000, 30_443, 32_001].into());
        assert_eq!(found.udp_taken, [30_001, 30_053].into());
    }

    #[test]
    fn taken_ports_finds_bound_ports() {
        // An address that no cluster gets.
        let address = Ipv4Addr::new(127, 78, 0, 1);
        let tcp = TcpListener::bind((address, 32_700)).unwrap();
        let udp = UdpSocket::bind((address, 30_010)).unwrap();
        let taken = taken_ports(address).unwrap();
        drop((tcp, udp));
        assert!(taken.tcp.contains(&32_700) && !taken.tcp.contains(&30_010));
        assert!(taken.udp.contains(&30_010));
    }
}
