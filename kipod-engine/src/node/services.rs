//! What the node that publishes node ports on the host has to know, to tell Services of type
//! `LoadBalancer` where they are reached.

use std::net::Ipv4Addr;

use super::NodeFile;

/// Where Services are reached from the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// The host's address.
    pub address: Ipv4Addr,
    /// The TCP node ports at which it answers.
    pub tcp: ReachedPorts,
    /// The UDP node ports, likewise.
    pub udp: ReachedPorts,
}

/// The node ports of one protocol at which the host's address answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachedPorts {
    /// The first and the last.
    pub range: (u16, u16),
    /// Those between them at which it does not, because something else on the host has them.
    pub without: Vec<u16>,
}

/// Environment file of the node's Services controller, which does not run without it.
pub(super) fn file(services: &ServiceSettings) -> NodeFile {
    let ports = |name, ports: &ReachedPorts| {
        let ReachedPorts { range: (first, last), without } = ports;
        let without: Vec<String> = without.iter().map(u16::to_string).collect();
        format!(
            "KIPOD_{name}_FIRST={first}
KIPOD_{name}_LAST={last}
KIPOD_{name}_UNREACHABLE=\"{}\"
",
            without.join(" ")
        )
    };
    let ServiceSettings { address, tcp, udp } = services;
    let text =
        format!("KIPOD_SERVICE_ADDRESS={address}\n{}{}", ports("TCP", tcp), ports("UDP", udp));
    NodeFile::new("services.env", text)
}
