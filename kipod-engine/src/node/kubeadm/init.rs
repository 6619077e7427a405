//! The configuration of `kubeadm init`.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::args::item;
use super::argument_patch::Configured;
use super::cluster::cluster_configuration;
use super::kube_proxy::kube_proxy_configuration;
use super::kubelet::kubelet_configuration;
use super::patch::apply_patches;
use super::patch_error::PatchError;
use super::readiness::is_observable;
use super::registration::{PATCHES_DIR, registration, schedulable_file, timeouts};
use super::tuning;
use crate::kubernetes::Settings;
use crate::node::{API_PORT, Bootstrap, ClusterSettings, NodeFile, NodeSettings};
use crate::spec::{KubeProxyMode, KubeadmPatches};

/// Phases of `kubeadm init` that need neither kubelet nor CRI-O. They run while CRI-O starts, so that
/// kubelet finds its configuration and the static pods when it starts.
const BEFORE_KUBELET: [&str; 6] =
    ["preflight", "certs", "kubeconfig", "etcd", "control-plane", "kubelet-start"];
/// All other phases.
const AFTER_KUBELET: [&str; 8] = [
    "wait-control-plane",
    "upload-config",
    "upload-certs",
    "mark-control-plane",
    "bootstrap-token",
    "kubelet-finalize",
    "addon",
    "show-join-command",
];

/// Returns the files that `kubeadm init` reads: `prepare.yaml` for the phases before kubelet starts, and
/// `init.yaml` for the others.
///
/// # Errors
///
/// If a patch cannot be applied.
pub(super) fn files(node: &NodeSettings<'_>) -> Result<Vec<NodeFile>, PatchError> {
    let cluster = node.cluster;
    let mut documents = patched_components(node)?;
    documents.insert(0, patched_init(node)?);

    let mut files = Vec::from_iter(schedulable_file(node, &documents[0]));
    if node.bootstrap == Bootstrap::InitFirst && has_upload_file(cluster) {
        files.push(NodeFile::secret("kubeadm/upload.yaml", join(&documents)));
    }
    add_etcd_members(cluster, &mut documents[1]);
    let skipped = documents[0]["skipPhases"].clone();
    for (name, more) in [("prepare", AFTER_KUBELET.as_slice()), ("init", BEFORE_KUBELET.as_slice())]
    {
        documents[0]["skipPhases"] = with_phases(&skipped, more);
        files.push(NodeFile::secret(&format!("kubeadm/{name}.yaml"), join(&documents)));
    }
    Ok(files)
}

/// Returns a list of phases with additional ones.
fn with_phases(phases: &Value, more: &[&str]) -> Value {
    let mut phases = phases.as_array().cloned().unwrap_or_default();
    for phase in more.iter().map(|phase| json!(phase)) {
        if !phases.contains(&phase) {
            phases.push(phase);
        }
    }
    Value::Array(phases)
}

/// Returns whether programs inside a control plane can query the readiness of its API server.
///
/// # Errors
///
/// If a patch cannot be applied.
pub(in crate::node) fn has_observable_api_server(
    node: &NodeSettings<'_>,
) -> Result<bool, PatchError> {
    Ok(is_observable(&patched_components(node)?[0]))
}

/// Returns the patched configuration of the control plane, kubelet and kube-proxy, in this order.
fn patched_components(node: &NodeSettings<'_>) -> Result<Vec<Value>, PatchError> {
    let cluster = node.cluster;
    let mut documents = vec![cluster_configuration(cluster), kubelet_configuration(cluster)];
    if cluster.spec.networking.kube_proxy_mode != KubeProxyMode::None {
        documents.push(kube_proxy_configuration(cluster));
    }
    // As in kind, the patches of the first control plane apply to cluster-wide configuration. All
    // control planes that run `kubeadm init` need the same.
    let none = KubeadmPatches::default();
    let first = cluster.spec.nodes.first().map_or(&none, |first| &first.kubeadm_patches);
    let name = cluster.control_planes.first().map_or(node.name, |(name, _)| name);
    let configured = Configured::of(cluster.spec, None);
    apply_patches(&mut documents, name, &cluster.spec.kubeadm_patches, first, &configured)?;
    tuning::apply(&mut documents, cluster);
    Ok(documents)
}

/// Joins documents to one file.
fn join(documents: &[Value]) -> String {
    let documents = documents.iter().map(|document| format!("{document:#}\n"));
    documents.collect::<Vec<_>>().join("---\n")
}

/// Returns the patched `InitConfiguration`.
///
/// Users expect that control planes after the first one join, so they patch `JoinConfiguration`.
/// With [`Bootstrap::Init`], such a patch applies to the fields that both kinds share.
fn patched_init(node: &NodeSettings<'_>) -> Result<Value, PatchError> {
    let mut document = init_configuration(node);
    if node.bootstrap == Bootstrap::Init {
        document["kind"] = json!("JoinConfiguration");
    }
    let (cluster, own) = (&node.cluster.spec.kubeadm_patches, &node.spec.kubeadm_patches);
    let configured = Configured::of(node.cluster.spec, Some(node.spec));
    apply_patches(std::slice::from_mut(&mut document), node.name, cluster, own, &configured)?;
    if let (Bootstrap::Init, Some(fields)) = (node.bootstrap, document.as_object_mut()) {
        for join_field in ["caCertPath", "controlPlane", "discovery"] {
            fields.remove(join_field);
        }
        fields.insert("kind".to_owned(), json!("InitConfiguration"));
    }
    Ok(document)
}

/// Returns whether the configuration uploaded to the cluster differs from that of `kubeadm init`.
fn has_upload_file(cluster: &ClusterSettings<'_>) -> bool {
    cluster.control_planes.len() > 1
}

/// Adds the initial members of etcd to the configuration of `kubeadm init`. The uploaded
/// configuration must not have them: a node that joins later would bootstrap another etcd cluster.
fn add_etcd_members(cluster: &ClusterSettings<'_>, document: &mut Value) {
    let members: Vec<_> = cluster
        .control_planes
        .iter()
        .map(|(name, address)| format!("{name}=https://{}", SocketAddr::new(*address, 2380)))
        .collect();
    if members.len() > 1
        && let Some(args) = document["etcd"]["local"]["extraArgs"].as_array_mut()
    {
        args.push(item("initial-cluster", &members.join(",")));
    }
}

fn init_configuration(node: &NodeSettings<'_>) -> Value {
    json!({
        "apiVersion": Settings::of(node.kubernetes_version).kubeadm_api,
        "kind": "InitConfiguration",
        "localAPIEndpoint": {
            "advertiseAddress": node.kubernetes_addresses()[0],
            "bindPort": API_PORT,
        },
        "bootstrapTokens": [{
            "token": node.cluster.credentials.token.as_str(),
            "description": "joins the nodes that kipod creates",
            // Nodes can be added at any time.
            "ttl": "0s",
            "usages": ["signing", "authentication"],
            "groups": ["system:bootstrappers:kubeadm:default-node-token"],
        }],
        "nodeRegistration": registration(node),
        "patches": { "directory": PATCHES_DIR },
        "timeouts": timeouts(node.cluster.timeouts),
        "skipPhases": skipped_phases(node),
    })
}

/// Returns the phases to skip.
///
/// * `preflight` checks a host; the relevant checks are part of `kipod check`.
/// * `kubelet-finalize` only adds a restart; kubelet renews its certificate without it.
/// * `addon` runs after `kubeadm init`, in parallel for all add-ons.
fn skipped_phases(node: &NodeSettings<'_>) -> Vec<&'static str> {
    let mut phases = vec!["preflight", "kubelet-finalize", "addon", "show-join-command"];
    if has_upload_file(node.cluster) {
        phases.push("upload-config");
    }
    if node.bootstrap == Bootstrap::Init {
        phases.push("bootstrap-token");
    }
    phases
}
