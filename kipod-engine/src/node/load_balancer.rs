//! What is inside the container in front of several control planes: HAProxy, of the distribution.

use std::net::{IpAddr, SocketAddr};

use super::{API_PORT, NodeFile};

/// Every file that the load balancer finds before it starts. `control_planes` are the nodes behind
/// it, by name and address.
pub fn files(control_planes: &[(String, IpAddr)]) -> Vec<NodeFile> {
    vec![
        NodeFile::new("node.env", "KIPOD_NODE_ROLE=load-balancer\n"),
        NodeFile::new("haproxy/haproxy.cfg", configuration(control_planes)),
    ]
}

/// An API server is in use while it says that it is ready. One that stops saying so loses its
/// connections at once: a client that watches would wait for an answer that never comes.
fn configuration(control_planes: &[(String, IpAddr)]) -> String {
    // The host reaches it by IPv4 in every cluster, nodes by the address they have.
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
    # Watches, logs and exec may be silent for long.
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
