//! Patches of the manifests that kubeadm generates: probes of static pods, and replicas of CoreDNS.

use serde_json::{Value, json};

use super::tuning;
use crate::node::{ClusterSettings, NodeFile};

/// Returns the patches that kubeadm applies to the manifests it generates. With `holds_connections`,
/// connections to the node's address may be held until the API server is ready, so that its probes use
/// the loopback address.
pub(in crate::node) fn manifest_patches(
    cluster: &ClusterSettings<'_>,
    holds_connections: bool,
) -> Vec<NodeFile> {
    let patch = |target: &str, patch: Value| {
        NodeFile::new(&format!("kubeadm/patches/{target}+strategic.json"), format!("{patch:#}\n"))
    };
    // A single node needs one replica, not kubeadm's two. CoreDNS is the last component to become
    // ready, also on a slow machine. The default probe period would delay this by up to 10 s.
    let coredns = json!({ "spec": {
        "replicas": cluster.nodes.min(2),
        "template": { "spec": { "containers": [{
            "name": "coredns",
            "readinessProbe": { "periodSeconds": 1 },
        }] } },
    } });
    // kubeadm's default periods are 1 s for readiness probes and 10 s for liveness probes. Static pods
    // have 240 s to start, multiplied by the timeout factor.
    let period = |seconds| tuning::probe_period(cluster.timeouts, seconds);
    // Component, and whether kubeadm gives it a readiness probe.
    let static_pods = [
        ("etcd", true),
        ("kube-apiserver", true),
        ("kube-controller-manager", false),
        ("kube-scheduler", true),
    ];
    let probes = |name: &str, has_readiness_probe: bool| {
        let mut container = json!({
            "name": name,
            "startupProbe": { "periodSeconds": period(1), "failureThreshold": 240 },
            "livenessProbe": { "periodSeconds": period(10) },
        });
        if has_readiness_probe {
            container["readinessProbe"] = json!({ "periodSeconds": period(1) });
        }
        if name == "kube-apiserver" && holds_connections {
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                container[probe]["httpGet"] = json!({ "host": "127.0.0.1" });
            }
        }
        json!({ "spec": { "containers": [container] } })
    };
    let patches = static_pods
        .map(|(name, has_readiness_probe)| patch(name, probes(name, has_readiness_probe)));
    let mut files = patches.to_vec();
    files.push(patch("corednsdeployment", coredns));
    files
}
