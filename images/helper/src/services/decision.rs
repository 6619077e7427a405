//! Decisions on a Service: its address, or the reason for none.

use super::service::{Port, Service};
use super::settings::Settings;

/// The action for a Service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing: the Service has no load balancer, or belongs to another controller.
    Ignore,
    /// The Service gets no address.
    Refuse(Warning),
    /// The Service gets an available UDP node port. Without one it gets no address.
    MoveUdpPort {
        /// Index in the Service's list of ports.
        index: usize,
        /// The current node port.
        node_port: u16,
        /// Why the Service gets no address, if no node port is available.
        otherwise: Warning,
    },
    /// The Service gets the host's address, or has it already.
    Serve {
        /// `true` if the status has no address yet.
        assign: bool,
        /// A restriction that the user should know.
        warning: Option<Warning>,
    },
}

/// An event about a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Warning {
    fn no_address(message: String) -> Self {
        Self { reason: "NoAddress", message }
    }
}

/// Decides what to do with a Service. `several_nodes` is read only for Services with the external
/// traffic policy `Local`.
pub(crate) fn decide(service: &Service, settings: &Settings, several_nodes: bool) -> Decision {
    let spec = &service.spec;
    let class = spec.load_balancer_class.as_deref().unwrap_or_default();
    if spec.kind != "LoadBalancer" || !class.is_empty() {
        return Decision::Ignore;
    }
    let address = settings.address.to_string();
    let assign = match service.status.load_balancer.ingress.as_slice() {
        [] => true,
        [ingress] if ingress.ip.as_deref() == Some(address.as_str()) => false,
        _ => return Decision::Ignore,
    };
    if !spec.ip_families.iter().any(|family| family == "IPv4") {
        return Decision::Refuse(Warning::no_address(
            "ipFamilies has no IPv4, and the host's address is an IPv4 address".to_owned(),
        ));
    }
    for (index, port) in spec.ports.iter().enumerate() {
        let Some(message) = obstacle(port, settings) else { continue };
        let warning = Warning::no_address(message);
        let Port { protocol, node_port } = port;
        return if protocol == "UDP" && *node_port != 0 {
            Decision::MoveUdpPort { index, node_port: *node_port, otherwise: warning }
        } else {
            Decision::Refuse(warning)
        };
    }
    let warning = (service.is_local() && several_nodes).then(|| Warning {
        reason: "LocalTraffic",
        message: format!(
            "externalTrafficPolicy is Local: the host reaches only pods on node {}",
            settings.node
        ),
    });
    Decision::Serve { assign, warning }
}

/// Returns why the host does not reach a port, `None` if it does.
fn obstacle(port: &Port, settings: &Settings) -> Option<String> {
    let Port { protocol, node_port } = port;
    let published = match protocol.as_str() {
        "TCP" => &settings.tcp,
        "UDP" => &settings.udp,
        other => return Some(format!("{other} is not forwarded from the host to nodes")),
    };
    let (first, last) = (published.range.start(), published.range.end());
    if *node_port == 0 {
        Some("it has no node ports (allocateLoadBalancerNodePorts: false), and the host reaches Services through node ports only".to_owned())
    } else if !published.range.contains(node_port) {
        Some(format!(
            "node port {node_port} ({protocol}) is outside {first}-{last}, the node ports that the host reaches"
        ))
    } else if published.unreachable.contains(node_port) {
        Some(format!("node port {node_port} ({protocol}) is in use on the host"))
    } else {
        None
    }
}
