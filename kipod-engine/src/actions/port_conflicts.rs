//! Conflicts between port mappings and the ports that clusters publish for Services.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use crate::cluster::Record;
use crate::plan::{NODE_PORTS, UDP_NODE_PORTS};
use crate::spec::{ClusterName, ClusterSpec, ExtraPort, Protocol};

/// Returns the conflict of a port with another cluster's address of Services, if there is one. Nothing
/// can listen on such a port on all addresses of the host.
pub(super) fn service_conflict(port: &ExtraPort, state: &Path) -> Option<String> {
    let conflicts = |address: IpAddr| {
        let in_use = try_port(&ExtraPort { listen_address: address, ..port.clone() }).is_err();
        in_use && (port.listen_address.is_unspecified() || port.listen_address == address)
    };
    let all = Record::all(state).ok()?.into_iter().filter_map(|(_, record)| record);
    let mut addresses = all.filter_map(|record| Some((record.name, record.service_address?)));
    let (cluster, address) =
        addresses.find(|(_, address)| is_for_services(port) && conflicts((*address).into()))?;
    Some(format!(
        "Services of cluster `{cluster}` use it at `{address}`: set a `listenAddress` for the mapping, or `loadBalancer: false` for one of the clusters"
    ))
}

/// Returns whether clusters publish the host port of a mapping for Services.
fn is_for_services(port: &ExtraPort) -> bool {
    port.host_port.is_some_and(|number| match port.protocol {
        Protocol::Tcp => NODE_PORTS.contains(&number),
        Protocol::Udp => UDP_NODE_PORTS.contains(&number),
        Protocol::Sctp => false,
    })
}

/// Returns a warning for each port that the cluster publishes on all addresses and others use for
/// Services. Ports of stopped clusters are free, but these clusters cannot be started meanwhile.
pub(super) fn port_warnings(spec: &ClusterSpec, state: &Path) -> Vec<String> {
    let records = Record::all(state).unwrap_or_default().into_iter();
    let others: Vec<String> = records
        .filter(|(name, record)| {
            *name != spec.name && record.as_ref().is_some_and(|one| one.service_address.is_some())
        })
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if others.is_empty() {
        return Vec::new();
    }
    let all = spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
    all.filter(|port| port.listen_address.is_unspecified() && is_for_services(port))
        .map(|port| {
            format!(
                "port {} ({}) is published on all addresses: clusters that use it for Services cannot be started meanwhile ({}); set a `listenAddress` such as `127.0.0.1` to avoid this",
                port.host_port.unwrap_or_default(),
                port.protocol,
                others.join(", ")
            )
        })
        .collect()
}

/// Returns the cluster that publishes a port on all addresses of the host. `message` is Podman's error
/// about that port at `address`.
pub(super) fn publisher(state: &Path, address: Ipv4Addr, message: &str) -> Option<ClusterName> {
    let rest = message.split_once(&format!("{address} port "))?.1;
    let digits = rest.split(|one: char| !one.is_ascii_digit()).next()?;
    let number: u16 = digits.parse().ok()?;
    let publishes = |record: &Record| {
        let mut all = record.spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
        all.any(|port| port.host_port == Some(number) && port.listen_address.is_unspecified())
    };
    let records = Record::all(state).ok()?.into_iter();
    records.filter_map(|(_, record)| record).find(publishes).map(|record| record.name)
}

/// Fails if a program listens on the host port of a mapping.
pub(super) fn try_port(port: &ExtraPort) -> std::io::Result<()> {
    let Some(host_port) = port.host_port else { return Ok(()) };
    let address = SocketAddr::new(port.listen_address, host_port);
    match port.protocol {
        Protocol::Tcp => TcpListener::bind(address).map(drop),
        Protocol::Udp => UdpSocket::bind(address).map(drop),
        // The standard library has no SCTP; Podman reports a conflict later.
        Protocol::Sctp => Ok(()),
    }
}
