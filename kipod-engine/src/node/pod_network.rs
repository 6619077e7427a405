//! The default pod network: a pod CIDR per node, and static routes to the pod CIDRs of the other
//! nodes.
//!
//! It needs no daemon, so a restarted node has its pod network at once. If the user disables the
//! default CNI, only routes to the control plane are left, and rules for host ports and Services.

use ipnet::IpNet;
use serde_json::json;

use super::{NodeFile, NodeSettings, Route};
use crate::spec::{ANY_ADDRESS, KubeProxyMode};

/// The network interface of a node in the node network: Podman's default name.
const NODE_INTERFACE: &str = "eth0";
/// The file with the rules of the packet filter.
const RULES: &str = "network/rules.nft";

/// Returns the CNI configuration, the routes, and the rules of the packet filter.
pub(super) fn files(node: &NodeSettings<'_>) -> Vec<NodeFile> {
    if node.cluster.spec.networking.disable_default_cni {
        return vec![
            // CRI-O does not start without this directory.
            NodeFile::new("cni/net.d/README", "CNI configuration files belong here.\n"),
            routes_file(node.routes),
            NodeFile::new(RULES, packet_filter(node)),
        ];
    }
    let mut rules = packet_filter(node);
    rules.extend(api_service(node));
    vec![
        NodeFile::new("cni/net.d/10-kipod.conflist", conflist(node)),
        routes_file(node.routes),
        NodeFile::new(RULES, rules),
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

/// Returns kipod's table of packet filter rules, for each IP family of the cluster.
fn packet_filter(node: &NodeSettings<'_>) -> String {
    let networking = &node.cluster.spec.networking;
    let mut text =
        "# Written by kipod. Each table is deleted and created again, so that reloading this file is idempotent.\n"
            .to_owned();
    for (pods, services) in networking.pod_subnets().iter().zip(networking.service_subnets()) {
        let family = Family::of(pods);
        let masquerade = (!networking.disable_default_cni).then(|| masquerade(family, pods));
        let unused = (networking.kube_proxy_mode != KubeProxyMode::None)
            .then(|| drop_unused_services(family, &services));
        let rules: String =
            [Some(host_ports(family, pods)), masquerade, unused].into_iter().flatten().collect();
        let ip = family.ip;
        text.push_str(&format!(
            "table {ip} kipod {{}}
delete table {ip} kipod
table {ip} kipod {{
{rules}}}
"
        ));
    }
    text
}

/// Words of nftables for an IP family.
#[derive(Clone, Copy)]
struct Family {
    ip: &'static str,
    address: &'static str,
}

impl Family {
    fn of(subnet: &IpNet) -> Self {
        match subnet {
            IpNet::V4(_) => Self { ip: "ip", address: "ipv4_addr" },
            IpNet::V6(_) => Self { ip: "ip6", address: "ipv6_addr" },
        }
    }
}

/// Pods reach each other without address translation. Traffic that leaves the cluster has the node's
/// address.
fn masquerade(Family { ip, .. }: Family, pods: &IpNet) -> String {
    format!(
        "    chain postrouting {{
        type nat hook postrouting priority srcnat
        {ip} saddr {pods} {ip} daddr != {pods} masquerade
    }}
"
    )
}

/// CRI-O forwards host ports to pods, but the responses to two kinds of clients would not return:
///
/// * the pod itself. A rule cannot compare two addresses, so the set contains pairs of equal ones;
/// * programs on the node that connect to 127.0.0.1. Other machines must not use such addresses, which
///   the kernel otherwise ensures. IPv6 has no such setting for `::1`.
fn host_ports(Family { ip, address }: Family, pods: &IpNet) -> String {
    let (loopback, guard) = match pods {
        IpNet::V4(_) => (
            format!("        ip saddr 127.0.0.0/8 ip daddr {pods} masquerade\n"),
            "    chain loopback {
        type filter hook prerouting priority raw
        iifname != \"lo\" ip daddr 127.0.0.0/8 drop
    }
",
        ),
        IpNet::V6(_) => (String::new(), ""),
    };
    format!(
        "{guard}    set pods-to-themselves {{
        type {address} . {address}
        flags dynamic, timeout
        timeout 1m
        size 65536
    }}
    chain host-ports {{
        type nat hook postrouting priority srcnat
        {ip} saddr {pods} ct status dnat update @pods-to-themselves {{ {ip} saddr . {ip} saddr }}
        {ip} saddr . {ip} daddr @pods-to-themselves masquerade
{loopback}    }}
"
    )
}

/// Drops packets to addresses of the Service subnet that kube-proxy has not forwarded: no Service uses
/// them. They would leave the cluster by the default route.
fn drop_unused_services(Family { ip, .. }: Family, services: &IpNet) -> String {
    format!(
        "    chain unused-services {{
        type filter hook postrouting priority filter
        oifname \"{NODE_INTERFACE}\" {ip} daddr {services} drop
    }}
"
    )
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
