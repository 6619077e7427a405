//! `KubeletConfiguration`: the settings of kubelet on all nodes.

use serde_json::{Value, json};

use super::registration::CRI_SOCKET;
use crate::node::{CgroupMode, ClusterSettings};

/// Returns the `KubeletConfiguration`.
pub(super) fn kubelet_configuration(cluster: &ClusterSettings<'_>) -> Value {
    let mut document = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": CRI_SOCKET,
        "failSwapOn": false,
        // The disk belongs to the host: kubelet must not react to the usage of other programs.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "imagefs.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
        },
        "serializeImagePulls": false,
        "featureGates": cluster.spec.feature_gates,
    });
    document["featureGates"]["KubeletInUserNamespace"] = json!(true);
    let cgroups = match cluster.cgroups {
        CgroupMode::Delegated => json!({ "cgroupDriver": "systemd" }),
        CgroupMode::Unlimited => json!({
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": false,
            // `none` means an empty list, which kubeadm would drop.
            "enforceNodeAllocatable": ["none"],
        }),
    };
    if let (Value::Object(document), Value::Object(cgroups)) = (&mut document, cgroups) {
        document.extend(cgroups);
    }
    document
}
