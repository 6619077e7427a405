//! The default network of pods: each node has its part of the pod subnet, and plain routes to the
//! parts of all others. No daemon runs, so there is none to wait for, and nothing to lose when a node
//! starts again. Where the network of pods is left to the user, there is none of it.

use serde_json::json;

use super::{NodeFile, NodeSettings, Route};
use crate::spec::ANY_ADDRESS;

/// The CNI network, the routes, and the rule for what leaves the cluster.
pub(super) fn files(node: &NodeSettings<'_>) -> Vec<NodeFile> {
    if node.cluster.spec.networking.disable_default_cni {
        // Another network has its own ways between nodes and out of the cluster.
        return vec![
            // CRI-O does not start without the folder.
            NodeFile::new("cni/net.d/README", "Here belongs the network of pods.\n"),
            routes_file(node.routes),
            NodeFile::new("network/masquerade.nft", "# Left to the network of pods.\n"),
        ];
    }
    vec![
        NodeFile::new("cni/net.d/10-kipod.conflist", conflist(node)),
        routes_file(node.routes),
        NodeFile::new("network/masquerade.nft", masquerade(node)),
    ]
}

/// Each pod gets a point-to-point link and an address of the node's part of the pod subnet; ports of
/// pods are published on the node.
fn conflist(node: &NodeSettings<'_>) -> String {
    let family = node.cluster.spec.networking.ip_family;
    let everywhere: Vec<&str> = ANY_ADDRESS.each(family);
    let routes: Vec<_> = everywhere.into_iter().map(|net: &str| json!({ "dst": net })).collect();
    let ranges: Vec<_> =
        node.pod_subnets.iter().map(|subnet| json!([{ "subnet": subnet }])).collect();
    let document = json!({
        "cniVersion": "1.0.0",
        "name": "kipod",
        "plugins": [
            {
                "type": "ptp",
                // The plugin would hide pods from pods of other nodes, too.
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
    format!("{document:#}\n")
}

/// A line a route, `DESTINATION GATEWAY`, as the node's script reads it.
pub fn routes_file(routes: &[Route]) -> NodeFile {
    let lines = routes.iter().map(|route| format!("{} {}\n", route.destination, route.gateway));
    NodeFile::new("network/routes", lines.collect::<String>())
}

/// Pods see each other by their own addresses; whatever is outside sees the node's.
fn masquerade(node: &NodeSettings<'_>) -> String {
    let mut text =
        "# Written by kipod. Made, deleted and made anew: the same however often it is read.\n"
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
