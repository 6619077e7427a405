//! Settings of the controller that writes the status of Services of type `LoadBalancer`. It runs on
//! the node that publishes node ports on the host.

use std::net::Ipv4Addr;

use super::NodeFile;

/// The published node ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// The host address on which they are published.
    pub address: Ipv4Addr,
    /// The TCP node ports.
    pub tcp: PublishedPorts,
    /// The UDP node ports.
    pub udp: PublishedPorts,
}

/// The published node ports of one protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPorts {
    /// The first and the last port.
    pub range: (u16, u16),
    /// Ports in this range that do not lead to this cluster on the host.
    pub unreachable: Vec<u16>,
}

/// Returns the controller's environment file. The controller does not run without it. `node` is the
/// name of the node that publishes the ports.
pub(super) fn file(node: &str, services: &ServiceSettings) -> NodeFile {
    let ports = |name, ports: &PublishedPorts| {
        let PublishedPorts { range: (first, last), unreachable } = ports;
        let unreachable: Vec<String> = unreachable.iter().map(u16::to_string).collect();
        format!(
            "KIPOD_{name}_FIRST={first}
KIPOD_{name}_LAST={last}
KIPOD_{name}_UNREACHABLE=\"{}\"
",
            unreachable.join(" ")
        )
    };
    let ServiceSettings { address, tcp, udp } = services;
    let text = format!(
        "KIPOD_NODE_NAME={node}
KIPOD_SERVICE_ADDRESS={address}
{}{}",
        ports("TCP", tcp),
        ports("UDP", udp)
    );
    NodeFile::new("services.env", text)
}
