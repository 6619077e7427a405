//! Choosing the host's address at which a cluster's Services are reached.

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

/// More files than Podman's forwarder opens: one a port, and a few.
const OPEN_FILES: u64 = 4096;

/// Chooses a cluster's address, anew at each attempt to create it.
pub(in crate::actions) struct LoadBalancerPool<'a> {
    request: &'a Request,
    events: &'a dyn Events,
    /// Whether there shall be one.
    wanted: bool,
}

impl<'a> LoadBalancerPool<'a> {
    pub(in crate::actions) fn new(request: &'a Request, events: &'a dyn Events) -> Self {
        let spec = &request.spec;
        // IPv6 has one loopback address only.
        let wanted = spec.load_balancer && spec.networking.ip_family.has_ipv4();
        Self { request, events, wanted }
    }

    /// The first address that no other cluster has and whose ports are free. `None` where none is
    /// wanted, or, with a warning, none can be had: a cluster is good for much without.
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
        let room = enough_files().and_then(|()| enough_buffer(self.request.machine.many_ports));
        match room.and_then(|()| free(&recorded, spec, api_port, taken_ports)) {
            Ok(address) => Ok(Some(address)),
            Err(reason) => {
                self.give_up(&reason);
                Ok(None)
            }
        }
    }

    /// Says that there is none, and why, and chooses none any more.
    pub(in crate::actions) fn give_up(&mut self, reason: &str) {
        self.wanted = false;
        self.events.send(Event::Warning(format!(
            "Services of type `LoadBalancer` get no address: {reason}; `loadBalancer: false` in the configuration says that this is well"
        )));
    }
}

/// The ports of an address that cannot be had.
#[derive(Debug, Clone, Default)]
struct Taken {
    tcp: BTreeSet<u16>,
    udp: BTreeSet<u16>,
}

/// Podman's forwarder raises the soft limit by itself.
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
        let own = spoken_for(spec, address, api_port);
        tcp.extend(own.tcp);
        udp.extend(own.udp);
        // What has most of them is another cluster, not somebody who has a port on all addresses.
        if tcp.len() < NODE_PORTS.len() / 2 {
            return Ok(ServiceAddress { address, tcp_taken: tcp, udp_taken: udp });
        }
    }
    Err("every loopback address that clusters of yours may have is in use".to_owned())
}

/// The ports of the host that the cluster itself publishes in the way of the address.
fn spoken_for(spec: &ClusterSpec, address: Ipv4Addr, api_port: u16) -> Taken {
    let meets = |other: IpAddr| other.is_unspecified() || other == IpAddr::V4(address);
    let extra = |protocol, ports: RangeInclusive<u16>| {
        let all = spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
        let those = all.filter(move |port| port.protocol == protocol && meets(port.listen_address));
        those.filter_map(|port| port.host_port).filter(move |port| ports.contains(port))
    };
    let api = meets(spec.networking.api_server_address) && NODE_PORTS.contains(&api_port);
    Taken {
        tcp: extra(Protocol::Tcp, NODE_PORTS).chain(api.then_some(api_port)).collect(),
        udp: extra(Protocol::Udp, UDP_NODE_PORTS).collect(),
    }
}

/// The node ports that somebody else has, on this address or on all. One is open at a time: a process
/// has often no more than 1024 files.
fn taken_ports(address: Ipv4Addr) -> std::io::Result<Taken> {
    let bind_tcp = |port| TcpListener::bind((address, port)).map(drop);
    let bind_udp = |port| UdpSocket::bind((address, port)).map(drop);
    Ok(Taken { tcp: refused(NODE_PORTS, bind_tcp)?, udp: refused(UDP_NODE_PORTS, bind_udp)? })
}

/// Those that cannot be bound because they are in use.
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
    fn an_address_whose_ports_another_cluster_has_is_passed_over() {
        let spec = ClusterSpec::default();
        let all_of_the_first = |address| {
            let tcp = NODE_PORTS.filter(|_| address == first()).collect();
            Ok(Taken { tcp, ..Taken::default() })
        };
        let second = free(&[], &spec, 1, all_of_the_first).unwrap().address;
        assert_ne!(second, first());
        let third = free(&[second], &spec, 1, all_of_the_first).unwrap().address;
        assert!(![first(), second].contains(&third));
        let refused = |_| Err(ErrorKind::PermissionDenied.into());
        let error = free(&[], &spec, 1, refused).unwrap_err();
        assert_eq!(error, format!("`{}`: permission denied", first()));
    }

    #[test]
    fn ports_that_the_cluster_publishes_itself_are_left_out_by_protocol() {
        let mut spec = ClusterSpec::default();
        let mapping = |host_port, protocol| ExtraPort {
            container_port: 80,
            host_port: Some(host_port),
            listen_address: [0, 0, 0, 0].into(),
            protocol,
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
    fn a_port_that_somebody_has_is_found_by_binding_it() {
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
