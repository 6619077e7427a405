//! `ClusterConfiguration`: the settings of the control plane.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::args::{add, item, key_values};
use crate::kubernetes::Settings;
use crate::node::{API_PORT, ClusterSettings};
use crate::spec::comma_separated;

/// Returns the `ClusterConfiguration`.
pub(super) fn cluster_configuration(cluster: &ClusterSettings<'_>) -> Value {
    // With one instance of each component, leader election only delays the start.
    let leader_elect = if cluster.control_planes.len() > 1 { "true" } else { "false" };
    let networking = &cluster.spec.networking;
    let mut cert_sans = vec![json!("localhost"), json!("127.0.0.1")];
    cert_sans.extend(networking.ip_family.has_ipv6().then(|| json!("::1")));
    for address in cluster.api_server_addresses.iter().map(|address| json!(address)) {
        if !cert_sans.contains(&address) {
            cert_sans.push(address);
        }
    }
    let mut document = json!({
        "apiVersion": Settings::of(cluster.kubernetes_version).kubeadm_api,
        "kind": "ClusterConfiguration",
        "clusterName": cluster.name,
        "kubernetesVersion": cluster.kubernetes_version.to_string(),
        // RSA keys take a second in total, ECDSA keys a millisecond each.
        "encryptionAlgorithm": "ECDSA-P256",
        "networking": {
            "podSubnet": comma_separated(&networking.pod_subnets()),
            "serviceSubnet": comma_separated(&networking.service_subnets()),
            "dnsDomain": "cluster.local",
        },
        "apiServer": {
            "certSANs": cert_sans,
        },
        "controllerManager": {
            "extraArgs": [
                item("leader-elect", leader_elect),
                // The plan assigns pod CIDRs to nodes.
                item("allocate-node-cidrs", "false"),
                // Before the first controller starts, the service account tokens of all controllers
                // are requested one after the other. The default of 20 requests per second delays
                // the start by four seconds.
                item("kube-api-qps", "300"),
                item("kube-api-burst", "600"),
            ],
        },
        "scheduler": { "extraArgs": [item("leader-elect", leader_elect)] },
        "etcd": {
            "local": {
                "dataDir": "/var/lib/etcd",
                // A power failure of the host can lose data.
                "extraArgs": [item("unsafe-no-fsync", "true")],
            },
        },
    });
    let gates = &cluster.spec.feature_gates;
    if !gates.is_empty() {
        for component in ["apiServer", "controllerManager", "scheduler"] {
            add(&mut document[component]["extraArgs"], "feature-gates", &key_values(gates));
        }
    }
    if !cluster.spec.runtime_config.is_empty() {
        let apis = key_values(&cluster.spec.runtime_config);
        add(&mut document["apiServer"]["extraArgs"], "runtime-config", &apis);
    }
    if let Some(balancer) = cluster.balancer {
        document["controlPlaneEndpoint"] = json!(SocketAddr::new(balancer, API_PORT));
        // By kubeadm's default, each etcd member compares its data with the other members before it
        // serves requests. If all start at the same time, they wait for each other until a timeout
        // of 27 s.
        if let Some(args) = document["etcd"]["local"]["extraArgs"].as_array_mut() {
            let (name, value) =
                Settings::of(cluster.kubernetes_version).no_initial_corruption_check;
            args.push(item(name, value));
        }
    }
    document
}
