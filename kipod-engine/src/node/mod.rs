//! Files inside a node: the configuration of CRI-O, kubelet and kubeadm.
//!
//! This module is pure: equal [`NodeSettings`] produce equal files, and it does not depend on the
//! host. All files are below `/var`, the node's only volume. The node image has links to them at the
//! standard paths (`/etc/kubernetes`, `/etc/crio`, `/etc/cni`, `/etc/containers/storage.conf`).

pub(crate) mod addons;
mod crio;
mod environment;
mod file;
mod hold;
mod kubeadm;
mod kubeconfig;
mod load_balancer;
mod paths;
mod pki;
mod pod_network;
mod services;
mod settings;

use crate::kubernetes::Role;

pub use crio::registries_file;
pub use file::NodeFile;
pub use kubeadm::{Configured, PatchCause, PatchError, apply_patches};
pub use load_balancer::files as balancer_files;
pub use paths::{
    API_PORT, CLUSTER_STORE, CONTROL_PLANE_STORE, HOST_STORE, SHARED_STORE, STATUS_DIR,
};
pub use pod_network::routes_file;
pub use services::{PublishedPorts, ServiceSettings};
pub use settings::{Bootstrap, CgroupMode, ClusterSettings, NodeSettings, Route};

/// The certificate authorities that the node trusts in addition. It installs them at each start.
const CA_CERTIFICATES: &str = "ca-certificates.pem";

/// Returns the files of a node. They must exist before the node starts.
///
/// # Errors
///
/// If a patch cannot be applied to the kubeadm configuration.
pub fn files(node: &NodeSettings<'_>) -> Result<Vec<NodeFile>, PatchError> {
    let mut files = vec![environment::file(node)];
    files.extend(pki::files(node));
    if node.role == Role::ControlPlane {
        let holds_connections = kubeadm::has_observable_api_server(node)?;
        files.extend(kubeadm::manifest_patches(node.cluster, holds_connections));
        files.extend(holds_connections.then(|| hold::file(node)));
    }
    files.extend(kubeadm::files(node)?);
    files.extend(pod_network::files(node));
    files.extend(crio::files(node));
    if let Some(certificates) = &node.cluster.found_registries.ca_certificates {
        files.push(NodeFile::new(CA_CERTIFICATES, certificates));
    }
    files.extend(node.services.as_ref().map(|services| services::file(node.name, services)));
    Ok(files)
}
