//! Fields that `InitConfiguration` and `JoinConfiguration` share.

use std::time::Duration;

use serde_json::{Value, json};

use super::args::{item, key_values};
use crate::kubernetes::Role;
use crate::node::{NodeFile, NodeSettings};
use crate::spec::{comma_separated, is_kubelet_label};
use crate::util::timeouts::Timeouts;

/// The directory of patches that kubeadm applies to the manifests it generates.
pub(super) const PATCHES_DIR: &str = "/var/lib/kipod/kubeadm/patches";
/// The socket of CRI-O.
pub(super) const CRI_SOCKET: &str = "unix:///run/crio/crio.sock";

/// kubeadm's default timeouts in seconds.
/// Source: kubeadm's configuration API v1beta4, `Timeouts`.
const TIMEOUTS: [(&str, u64); 5] = [
    ("controlPlaneComponentHealthCheck", 240),
    ("kubeletHealthCheck", 240),
    ("kubernetesAPICall", 60),
    ("etcdAPICall", 120),
    ("tlsBootstrap", 300),
];

/// Returns the field `nodeRegistration`.
pub(super) fn registration(node: &NodeSettings<'_>) -> Value {
    let mut arguments = vec![item("node-ip", &comma_separated(&node.node_ips()))];
    // kubelet exits if it finds others, which kipod sets later.
    let mut labels = node.spec.labels.clone();
    labels.retain(|key, _| is_kubelet_label(key));
    if !labels.is_empty() {
        arguments.push(item("node-labels", &key_values(&labels)));
    }
    let mut registration = json!({
        "name": node.name,
        "criSocket": CRI_SOCKET,
        "imagePullPolicy": "IfNotPresent",
        "kubeletExtraArgs": arguments,
    });
    if node.cluster.nodes == node.cluster.control_planes.len() {
        // Without workers, the control planes run the user's pods.
        registration["taints"] = json!([]);
    }
    registration
}

/// The label that kubeadm adds to control planes. Load balancers such as MetalLB ignore nodes with it.
const EXCLUDED_FROM_LOAD_BALANCERS: &str =
    "node.kubernetes.io/exclude-from-external-load-balancers";

/// Returns the marker file of a control plane that runs user pods, unless the user has configured the
/// label. The node's script then removes the label. `document` is the patched kubeadm configuration.
pub(super) fn schedulable_file(node: &NodeSettings<'_>, document: &Value) -> Option<NodeFile> {
    let has_no_taints = document["nodeRegistration"]["taints"] == json!([]);
    let keeps_label = node.spec.labels.contains_key(EXCLUDED_FROM_LOAD_BALANCERS);
    (node.role == Role::ControlPlane && has_no_taints && !keeps_label)
        .then(|| NodeFile::new("kubeadm/schedulable", ""))
}

/// Returns the field `timeouts`. kubeadm also derives the startup probes of the control plane from
/// `controlPlaneComponentHealthCheck`.
pub(super) fn timeouts(timeouts: Timeouts) -> Value {
    TIMEOUTS
        .iter()
        .map(|(name, seconds)| {
            let timeout = timeouts.scale(Duration::from_secs(*seconds));
            ((*name).to_owned(), json!(format!("{}ms", timeout.as_millis())))
        })
        .collect()
}
