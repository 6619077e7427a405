//! What a node finds that joins a cluster.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::{PATCHES, registration, timeouts};
use super::{PatchError, apply_patches};
use crate::kubernetes::Role;
use crate::kubernetes::Settings;
use crate::node::{API_PORT, NodeFile, NodeSettings, base64, kubeconfig};

/// How long a node tries to join: as long as kubeadm gives a control plane to start.
pub(in crate::node) const LIMIT: Duration = Duration::from_secs(240);

const DISCOVERY: &str = "kubeadm/discovery.conf";

/// The document of `kubeadm join`, where it finds the cluster, and the kubelet's credentials.
///
/// # Errors
///
/// When a patch does not apply.
pub(in crate::node) fn files(node: &NodeSettings<'_>) -> Result<Vec<NodeFile>, PatchError> {
    let cluster = node.cluster;
    let mut document = document(node);
    let documents = std::slice::from_mut(&mut document);
    apply_patches(documents, node.name, &cluster.spec.kubeadm_patches, &node.spec.kubeadm_patches)?;
    let mut files = vec![NodeFile::secret("kubeadm/join.yaml", format!("{document:#}\n"))];
    if let Some(kubelet) = cluster.credentials.kubelets.get(node.name) {
        let user = json!({
            "client-certificate-data": base64(&kubelet.certificate),
            "client-key-data": base64(&kubelet.key),
        });
        // Credentials in it mean that kubeadm takes the file at its word, and asks nobody else.
        let discovery = kubeconfig(node, cluster.endpoint(), &user);
        // With this one the kubelet has nothing to ask for, and kubeadm nothing to wait for. The
        // kubelet of a control plane talks to its own API server, as kubeadm has it.
        let own = match node.role {
            Role::ControlPlane => {
                kubeconfig(node, SocketAddr::new(node.addresses[0], API_PORT), &user)
            }
            Role::Worker => discovery.clone(),
        };
        files.push(NodeFile::secret(DISCOVERY, discovery));
        files.push(NodeFile::secret("kubernetes/kubelet.conf", own));
    }
    Ok(files)
}

fn document(node: &NodeSettings<'_>) -> Value {
    let mut document = json!({
        // The node's own kubeadm reads it.
        "apiVersion": Settings::of(node.kubernetes_version).kubeadm_api,
        "kind": "JoinConfiguration",
        "discovery": {
            "file": { "kubeConfigPath": format!("{}/{DISCOVERY}", crate::node::ROOT) },
        },
        "nodeRegistration": registration(node),
        "timeouts": timeouts(node.cluster.timeouts),
        // As with `init`: the checks are those of a machine.
        "skipPhases": ["preflight"],
    });
    if node.role == Role::ControlPlane {
        document["controlPlane"] = json!({
            "localAPIEndpoint": { "advertiseAddress": node.addresses[0], "bindPort": API_PORT },
        });
        document["patches"] = json!({ "directory": PATCHES });
    }
    document
}
