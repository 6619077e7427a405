//! `KubeletConfiguration`: the settings of kubelet on all nodes.

use serde_json::{Value, json};

use super::registration::CRI_SOCKET;
use crate::kubernetes::Settings;
use crate::node::{CgroupMode, ClusterSettings, NodeFile, NodeSettings};

/// The kubelet option that decides which pods may use an image in the node's image stores.
const IMAGE_VERIFICATION: &str = "imagePullCredentialsVerificationPolicy";

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
    // Also for 1.37, where it is on by default: older workers read the same configuration.
    document["featureGates"]["KubeletInUserNamespace"] = json!(true);
    if Settings::of(cluster.kubernetes_version).verifies_pulled_images {
        // The images of the host were pulled or built outside of the node. By default, kubelet pulls
        // such an image once the same image was pulled under another name.
        document[IMAGE_VERIFICATION] = json!("NeverVerify");
    }
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

/// Returns the patch of a node whose kubelet is older than the control plane, and refuses an option of
/// the cluster's `KubeletConfiguration`.
pub(super) fn patch_for_old_kubelet(node: &NodeSettings<'_>) -> Option<NodeFile> {
    let verifies = |version| Settings::of(version).verifies_pulled_images;
    let refuses = verifies(node.cluster.kubernetes_version) && !verifies(node.kubernetes_version);
    // In a merge patch, null removes the option.
    refuses.then(|| {
        let patch = json!({ IMAGE_VERIFICATION: null });
        NodeFile::new("kubeadm/patches/kubeletconfiguration+merge.json", format!("{patch:#}\n"))
    })
}
