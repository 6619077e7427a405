//! The configuration of kubeadm, and the patches that kubeadm applies to its manifests.
//!
//! The files are JSON, which is valid YAML.

mod args;
mod argument_patch;
mod cluster;
mod init;
mod join;
mod kube_proxy;
mod kubelet;
mod manifest_patches;
mod patch;
mod patch_error;
mod readiness;
mod registration;
pub(super) mod tuning;

use super::{Bootstrap, NodeFile, NodeSettings};

pub use argument_patch::Configured;
pub(super) use init::has_observable_api_server;
pub(super) use join::JOIN_TIMEOUT;
pub(super) use manifest_patches::manifest_patches;
pub use patch::apply_patches;
pub use patch_error::{PatchCause, PatchError};

/// Returns the files that kubeadm reads on this node.
///
/// # Errors
///
/// If a patch cannot be applied.
pub(super) fn files(node: &NodeSettings<'_>) -> Result<Vec<NodeFile>, PatchError> {
    match node.bootstrap {
        Bootstrap::InitFirst | Bootstrap::Init => init::files(node),
        Bootstrap::Join => join::files(node),
    }
}
