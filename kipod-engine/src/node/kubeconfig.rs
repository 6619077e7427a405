//! Kubeconfig files for kubelet and kubeadm inside a node.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::NodeSettings;

/// Returns a kubeconfig for a program inside a node.
pub(super) fn kubeconfig(node: &NodeSettings<'_>, server: SocketAddr, user: &Value) -> String {
    let cluster = node.cluster;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": cluster.name, "cluster": {
            "server": format!("https://{server}"),
            "certificate-authority-data": base64(&cluster.credentials.authorities.ca.certificate),
        } }],
        "users": [{ "name": "node", "user": user }],
        "contexts": [{ "name": "node", "context": { "cluster": cluster.name, "user": "node" } }],
        "current-context": "node",
    });
    format!("{config:#}\n")
}

/// Encodes text in Base64.
pub(super) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}
