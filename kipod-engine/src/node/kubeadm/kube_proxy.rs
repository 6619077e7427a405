//! `KubeProxyConfiguration`: the settings of kube-proxy on all nodes.

use serde_json::{Value, json};

use crate::node::ClusterSettings;
use crate::spec::{ANY_ADDRESS, KubeProxyMode, comma_separated};

/// Returns the `KubeProxyConfiguration`.
pub(super) fn kube_proxy_configuration(cluster: &ClusterSettings<'_>) -> Value {
    let networking = &cluster.spec.networking;
    let mode = networking.kube_proxy_mode.name();
    let mut document = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": mode,
        "clusterCIDR": comma_separated(&networking.pod_subnets()),
        "featureGates": cluster.spec.feature_gates,
        mode: { "minSyncPeriod": "100ms" },
        // A user namespace cannot resize the host's tables. The node sets the timeouts at boot, where the
        // kernel allows it.
        "conntrack": {
            "maxPerCore": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    });
    if networking.kube_proxy_mode == KubeProxyMode::Nftables {
        // By default, this mode accepts node ports only on the node's primary address. That of a
        // single control plane is not reachable from outside of the node.
        let everywhere: Vec<&str> = ANY_ADDRESS.each(networking.ip_family);
        document["nodePortAddresses"] = json!(everywhere);
    }
    document
}
