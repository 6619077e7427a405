//! The default pod network: a pod CIDR per node, and static routes to the pod CIDRs of the other
//! nodes.
//!
//! It needs no daemon, so a restarted node has its pod network at once. If the user disables the
//! default CNI, only routes to the control plane are left.

use serde_json::json;

use super::{NodeFile, NodeSettings, Route};
use crate::spec::{ANY_ADDRESS, KubeProxyMode};

/// Returns the CNI configuration, the routes, and the masquerading rules.
pub(super) fn files(node: &NodeSettings<'_>) -> Vec<NodeFile> {
    if node.cluster.spec.networking.disable_default_cni {
        return vec![
            // CRI-O does not start without this directory.
            NodeFile::new("cni/net.d/README", "CNI configuration files belong here.\n"),
            routes_file(node.routes),
            NodeFile::new("network/masquerade.nft", "# The pod network defines these rules.\n"),
        ];
    }
    let mut rules = masquerade(node);
    rules.extend(api_service(node));
    vec![
        NodeFile::new("cni/net.d/10-kipod.conflist", conflist(node)),
        routes_file(node.routes),
        NodeFile::new("network/masquerade.nft", rules),
    ]
}

/// Each pod gets a point-to-point link and an address from the node's pod CIDR. Host ports of pods
/// are published on the node.
fn conflist(node: &NodeSettings<'_>) -> String {
    let family = node.cluster.spec.networking.ip_family;
    let everywhere: Vec<&str> = ANY_ADDRESS.each(family);
    let routes: Vec<_> = everywhere.into_iter().map(|net: &str| json!({ "dst": net })).collect();
    let ranges: Vec<_> =
        node.pod_subnets.iter().map(|subnet| json!([{ "subnet": subnet }])).collect();
    let config = json!({
        "cniVersion": "1.0.0",
        "name": "kipod",
        "plugins": [
            {
                "type": "ptp",
                // The plugin would also masquerade traffic to pods of other nodes.
                "ipMasq": false,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni-ipam-state",
                    "routes": routes,
                    "ranges": ranges,
                },
            },
            { "type": "portmap", "capabilities": { "portMappings": true } },
        ],
    });
    format!("{config:#}\n")
}

/// Returns the routes, one `DESTINATION GATEWAY` per line, as the node's script reads them.
pub fn routes_file(routes: &[Route]) -> NodeFile {
    let lines = routes.iter().map(|route| format!("{} {}\n", route.destination, route.gateway));
    NodeFile::new("network/routes", lines.collect::<String>())
}

/// Pods reach each other without address translation. Traffic that leaves the cluster has the node's
/// address.
fn masquerade(node: &NodeSettings<'_>) -> String {
    let mut text =
        "# Written by kipod. Each table is deleted and created again, so that reloading this file is idempotent.\n"
            .to_owned();
    for pods in node.cluster.spec.networking.pod_subnets() {
        let ip = if pods.addr().is_ipv6() { "ip6" } else { "ip" };
        text.push_str(&format!(
            "table {ip} kipod {{}}
delete table {ip} kipod
table {ip} kipod {{
    chain postrouting {{
        type nat hook postrouting priority srcnat
        {ip} saddr {pods} {ip} daddr != {pods} masquerade
    }}
}}
"
        ));
    }
    text
}

/// Leads pods to the API server until kube-proxy does. Otherwise the first packets of CoreDNS, which
/// starts at the same time as kube-proxy, would be lost, and repeated after a second.
///
/// The priority is after kube-proxy's -100: its rules win as soon as they exist. `None` where kube-proxy
/// does not use rules of netfilter.
fn api_service(node: &NodeSettings<'_>) -> Option<String> {
    let cluster = node.cluster;
    let mode = cluster.spec.networking.kube_proxy_mode;
    if !matches!(mode, KubeProxyMode::Iptables | KubeProxyMode::Nftables) {
        return None;
    }
    let service = cluster.api_service();
    let ip = if service.is_ipv6() { "ip6" } else { "ip" };
    let server = cluster.endpoint();
    Some(format!(
        "table {ip} kipod {{
    chain api-service {{
        type nat hook prerouting priority -90
        {ip} daddr {service} tcp dport 443 dnat to {server}
    }}
}}
"
    ))
}
