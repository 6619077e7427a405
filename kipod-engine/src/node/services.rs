//! What the node that publishes node ports on the host has to know, to tell Services of type
//! `LoadBalancer` where they are reached.

use std::net::Ipv4Addr;

use super::NodeFile;

/// Where Services are reached from the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// The host's address.
    pub address: Ipv4Addr,
    /// The node ports at which it does not answer, because something else on the host has them.
    pub unreachable: Vec<u16>,
    /// The TCP ports at which it answers, the first and the last.
    pub tcp: (u16, u16),
    /// The UDP ports, likewise.
    pub udp: (u16, u16),
}

/// What the node's script reads; without the file it does not run.
pub(super) fn file(services: &ServiceSettings) -> NodeFile {
    let ServiceSettings { address, unreachable, tcp, udp } = services;
    let unreachable: Vec<String> = unreachable.iter().map(u16::to_string).collect();
    let text = format!(
        "KIPOD_SERVICE_ADDRESS={address}
KIPOD_TCP_FIRST={}
KIPOD_TCP_LAST={}
KIPOD_UDP_FIRST={}
KIPOD_UDP_LAST={}
KIPOD_UNREACHABLE=\"{}\"
",
        tcp.0,
        tcp.1,
        udp.0,
        udp.1,
        unreachable.join(" "),
    );
    NodeFile::new("services.env", text)
}
