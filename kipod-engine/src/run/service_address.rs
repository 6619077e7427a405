//! Choosing the host's address at which a cluster's Services are reached.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

use rustix::process::{Resource, getrlimit, getuid};

use crate::cluster::{Record, RecordError};
use crate::dirs::Dirs;
use crate::events::{Event, Events};
use crate::plan::{NODE_PORTS, SEND_BUFFER, ServiceAddress, UDP_NODE_PORTS};
use crate::spec::ClusterSpec;

use super::create::Request;

/// More files than Podman's forwarder opens: one a port, and a few.
const OPEN_FILES: u64 = 4096;

/// The first address that no other cluster has and whose ports are free. `None` where none is wanted,
/// or, with a warning, none can be had: a cluster is good for much without.
pub(super) fn choose(
    dirs: &Dirs,
    request: &Request,
    api_port: u16,
    events: &dyn Events,
) -> Result<Option<ServiceAddress>, RecordError> {
    let spec = &request.spec;
    // IPv6 has one loopback address only.
    if !spec.load_balancer || !spec.networking.ip_family.has_ipv4() {
        return Ok(None);
    }
    let recorded: Vec<Ipv4Addr> = Record::all(&dirs.state)?
        .into_iter()
        .filter_map(|(name, record)| {
            record.filter(|_| name != spec.name).and_then(|record| record.service_address)
        })
        .collect();
    let chosen = match request.machine.many_ports {
        true => free(&recorded, spec, api_port),
        false => Err(format!(
            "Netavark's nftables takes that many ports only if net.core.wmem_max is {SEND_BUFFER} or more (`sudo sysctl net.core.wmem_max={SEND_BUFFER}`)"
        )),
    };
    if let Err(reason) = &chosen {
        events.send(Event::Warning(format!(
            "Services of type `LoadBalancer` get no address: {reason}; `loadBalancer: false` in the configuration says that this is well"
        )));
    }
    Ok(chosen.ok())
}

fn free(
    recorded: &[Ipv4Addr],
    spec: &ClusterSpec,
    api_port: u16,
) -> Result<ServiceAddress, String> {
    if getrlimit(Resource::Nofile).maximum.is_some_and(|limit| limit < OPEN_FILES) {
        return Err(format!("a process may open fewer than {OPEN_FILES} files (`ulimit -Hn`)"));
    }
    let candidates = ServiceAddress::candidates(getuid().as_raw());
    for address in candidates.filter(|address| !recorded.contains(address)) {
        let mut taken = spoken_for(spec, address, api_port);
        taken.extend(taken_ports(address).map_err(|error| format!("`{address}`: {error}"))?);
        // What has most of them is another cluster, not somebody who has a port on all addresses.
        if taken.len() < NODE_PORTS.len() / 2 {
            return Ok(ServiceAddress { address, taken });
        }
    }
    Err("every loopback address that clusters of yours may have is in use".to_owned())
}

/// The ports of the host that the cluster itself publishes in the way of the address.
fn spoken_for(spec: &ClusterSpec, address: Ipv4Addr, api_port: u16) -> BTreeSet<u16> {
    let meets = |other: IpAddr| other.is_unspecified() || other == IpAddr::V4(address);
    let extra = spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
    let extra = extra.filter(|port| meets(port.listen_address)).filter_map(|port| port.host_port);
    let api = meets(spec.networking.api_server_address).then_some(api_port);
    extra.chain(api).filter(|port| NODE_PORTS.contains(port)).collect()
}

/// The node ports that somebody else has, on this address or on all.
fn taken_ports(address: Ipv4Addr) -> std::io::Result<BTreeSet<u16>> {
    let tcp = NODE_PORTS.map(|port| (port, TcpListener::bind((address, port)).map(drop)));
    let udp = UDP_NODE_PORTS.map(|port| (port, UdpSocket::bind((address, port)).map(drop)));
    let mut taken = BTreeSet::new();
    for (port, bound) in tcp.chain(udp) {
        match bound {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                taken.insert(port);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ExtraPort, Protocol};

    /// What one test has bound the other one would find taken.
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

    #[test]
    fn an_address_whose_ports_another_cluster_has_is_passed_over() {
        let _alone = ALONE.lock();
        let spec = ClusterSpec::default();
        let first = free(&[], &spec, 1).unwrap().address;
        let _all: Vec<_> =
            NODE_PORTS.filter_map(|port| TcpListener::bind((first, port)).ok()).collect();
        let second = free(&[], &spec, 1).unwrap().address;
        assert_ne!(first, second);
        assert_ne!(free(&[second], &spec, 1).unwrap().address, second);
    }

    #[test]
    fn ports_that_are_taken_are_left_out() {
        let _alone = ALONE.lock();
        let mut spec = ClusterSpec::default();
        spec.nodes[0].extra_port_mappings = vec![ExtraPort {
            container_port: 80,
            host_port: Some(30_080),
            listen_address: [0, 0, 0, 0].into(),
            protocol: Protocol::Tcp,
        }];
        spec.networking.api_server_address = [0, 0, 0, 0].into();
        let address = free(&[], &spec, 30_443).unwrap().address;
        let other = (32_000..32_767).find_map(|port| TcpListener::bind((address, port)).ok());
        let other = other.unwrap();
        let found = free(&[], &spec, 30_443).unwrap();
        assert_eq!(found.address, address);
        let taken = found.taken;
        for port in [30_080, 30_443, other.local_addr().unwrap().port()] {
            assert!(taken.contains(&port), "{port}: {taken:?}");
        }
    }
}
