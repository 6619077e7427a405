//! The configuration of the load balancer for several control planes: HAProxy.

use std::net::{IpAddr, SocketAddr};

use super::{API_PORT, NodeFile};

/// Returns the files of the load balancer. They must exist before it starts. `control_planes` are
/// the names and addresses of its backends.
pub fn files(control_planes: &[(String, IpAddr)]) -> Vec<NodeFile> {
    vec![
        NodeFile::new("node.env", "KIPOD_NODE_ROLE=load-balancer\n"),
        NodeFile::new("haproxy/haproxy.cfg", configuration(control_planes)),
    ]
}

/// Requests go to API servers that are ready. If one becomes unready, its connections are closed at
/// once: otherwise a client with a watch would wait forever for the next event.
fn configuration(control_planes: &[(String, IpAddr)]) -> String {
    // The host always connects by IPv4, the nodes by the cluster's IP family.
    let bind = match control_planes.iter().any(|(_, address)| address.is_ipv6()) {
        true => format!("[::]:{API_PORT} v4v6"),
        false => format!(":{API_PORT}"),
    };
    let servers: String = control_planes
        .iter()
        .map(|(name, address)| (name, SocketAddr::new(*address, API_PORT)))
        .map(|(name, address)| format!("    server {name} {address}\n"))
        .collect();
    format!(
        "# Written by kipod.
global
    log stdout format raw local0 notice
defaults
    mode tcp
    log global
    option clitcpka
    option redispatch
    retries 3
    timeout connect 2s
    # Watches, logs and exec can be silent for a long time.
    timeout client 24h
    timeout server 24h
frontend control-plane
    bind {bind}
    default_backend control-plane
backend control-plane
    balance leastconn
    option httpchk
    http-check send meth GET uri /readyz
    http-check expect status 200
    default-server check check-ssl verify none inter 500ms fastinter 250ms downinter 250ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}"
    )
}
