//! nftables rules that hold connections to the API server until it is ready.
//!
//! Without them, every component that starts before the API server is ready backs off, and waits for
//! longer than the API server needs. `kipod-node hold` in the node loads and removes the rules: see
//! `images/helper/src/hold/mod.rs`.

use std::net::IpAddr;

use super::{API_PORT, NodeFile, NodeSettings};

/// The port on which the connections are held. It is outside of the ranges of ephemeral ports and node
/// ports, and is closed when the API server is ready.
const HOLD_PORT: u16 = 61_443;

/// Returns the rules of a control plane.
pub(super) fn file(node: &NodeSettings<'_>) -> NodeFile {
    NodeFile::new("network/hold.nft", rules(node))
}

/// Redirects connections of the node's own programs to the addresses that Kubernetes components use.
/// The address of a single control plane is also used by nodes that join, and that of the Service by pods
/// of a restarted node. Connections from the host and from the load balancer have other destinations or
/// do not start in the node, so that both see when the API server is ready. Programs in the node see it
/// at the loopback address.
fn rules(node: &NodeSettings<'_>) -> String {
    let own: String =
        node.kubernetes_addresses().into_iter().map(|address| rule(address, API_PORT)).collect();
    let service = rule(node.cluster.api_service(), 443);
    let from_outside = if node.is_internal() { own.as_str() } else { "" };
    let output = chain("output", &own);
    let prerouting = chain("prerouting", &format!("{from_outside}{service}"));
    format!("# Written by kipod.\ntable inet kipod-hold {{\n{output}{prerouting}}}\n")
}

/// The priority is before kube-proxy's, which is -100.
fn chain(hook: &str, rules: &str) -> String {
    format!("    chain {hook} {{\n        type nat hook {hook} priority -110\n{rules}    }}\n")
}

fn rule(address: IpAddr, port: u16) -> String {
    let ip = if address.is_ipv6() { "ip6" } else { "ip" };
    format!("        {ip} daddr {address} tcp dport {port} redirect to :{HOLD_PORT}\n")
}
