//! The configuration of `kubeadm join`, and the credentials of kubelet.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::argument_patch::Configured;
use super::kubelet::patch_for_old_kubelet;
use super::patch::apply_patches;
use super::patch_error::PatchError;
use super::registration::{PATCHES_DIR, registration, schedulable_file, timeouts};
use crate::kubernetes::{Role, Settings};
use crate::node::kubeconfig::{base64, kubeconfig};
use crate::node::paths::ROOT;
use crate::node::{API_PORT, NodeFile, NodeSettings};

/// Timeout for joining the cluster: the same as kubeadm's for starting a control plane.
pub(in crate::node) const JOIN_TIMEOUT: Duration = Duration::from_secs(240);

/// The kubeconfig with which kubeadm finds the cluster.
const DISCOVERY: &str = "kubeadm/discovery.conf";

/// Returns the files that `kubeadm join` reads.
///
/// # Errors
///
/// If a patch cannot be applied.
pub(super) fn files(node: &NodeSettings<'_>) -> Result<Vec<NodeFile>, PatchError> {
    let cluster = node.cluster;
    let kubelet_patch = patch_for_old_kubelet(node);
    let mut document = join_configuration(node);
    if kubelet_patch.is_some() || node.role == Role::ControlPlane {
        document["patches"] = json!({ "directory": PATCHES_DIR });
    }
    let documents = std::slice::from_mut(&mut document);
    let patches = (&cluster.spec.kubeadm_patches, &node.spec.kubeadm_patches);
    let configured = Configured::of(cluster.spec, Some(node.spec));
    apply_patches(documents, node.name, patches.0, patches.1, &configured)?;
    let mut files = vec![NodeFile::secret("kubeadm/join.yaml", format!("{document:#}\n"))];
    files.extend(kubelet_patch);
    files.extend(schedulable_file(node, &document));
    if let Some(kubelet) = cluster.credentials.kubelets.get(node.name) {
        let user = json!({
            "client-certificate-data": base64(&kubelet.certificate),
            "client-key-data": base64(&kubelet.key),
        });
        // With credentials in this file, kubeadm does not download the cluster's kubeconfig.
        let discovery = kubeconfig(node, cluster.endpoint(), &user);
        // With this file, kubelet skips the TLS bootstrap, and kubeadm does not wait for it. As in
        // kubeadm, the kubelet of a control plane connects to the API server on its own node.
        let kubelet_conf = match node.role {
            Role::ControlPlane => {
                kubeconfig(node, SocketAddr::new(node.addresses[0], API_PORT), &user)
            }
            Role::Worker => discovery.clone(),
        };
        files.push(NodeFile::secret(DISCOVERY, discovery));
        files.push(NodeFile::secret("kubernetes/kubelet.conf", kubelet_conf));
    }
    Ok(files)
}

fn join_configuration(node: &NodeSettings<'_>) -> Value {
    let mut document = json!({
        // The version of kubeadm in this node, which can differ from the control plane's.
        "apiVersion": Settings::of(node.kubernetes_version).kubeadm_api,
        "kind": "JoinConfiguration",
        "discovery": {
            "file": { "kubeConfigPath": format!("{ROOT}/{DISCOVERY}") },
        },
        "nodeRegistration": registration(node),
        "timeouts": timeouts(node.cluster.timeouts),
        // `preflight` checks a host, as with `kubeadm init`.
        "skipPhases": ["preflight"],
    });
    if node.role == Role::ControlPlane {
        document["controlPlane"] = json!({
            "localAPIEndpoint": { "advertiseAddress": node.addresses[0], "bindPort": API_PORT },
        });
    }
    document
}
