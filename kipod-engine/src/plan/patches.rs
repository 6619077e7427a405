//! Validation of patches against the documents that they patch, before a cluster is created.

use std::path::{Path, PathBuf};

use kipod_images::versions::KUBERNETES;

use super::{Choices, Machine, plan};
use crate::node::{CgroupMode, PatchError};
use crate::node_image::NodeImage;
use crate::pki::{Credentials, PkiError};
use crate::podman::StorageDriver;
use crate::spec::{ClusterSpec, FoundRegistries, Proxy, Subnet};
use crate::util::timeouts::Timeouts;

/// Patches that do not apply to the kubeadm configuration of a specification.
#[derive(Debug, thiserror::Error)]
pub enum PatchCheckError {
    /// A patch cannot be applied.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The documents cannot be created, because they contain credentials.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// Applies the patches of a specification to the documents that kubeadm would read. The documents are those of
/// the pinned version of Kubernetes, and of a host without limitations. `now` is in seconds since the Unix
/// epoch.
///
/// # Errors
///
/// When a patch cannot be applied.
pub fn check_patches(spec: &ClusterSpec, now: i64) -> Result<(), PatchCheckError> {
    let machine = Machine {
        cgroups: CgroupMode::Delegated,
        cgroup_parent: None,
        host_store: None,
        storage_driver: StorageDriver::Overlay,
        fuse: true,
        ping_groups: (0, 0),
        many_ports: true,
        ipv6: true,
        ip_vs: true,
        timeouts: Timeouts::default(),
        limits_remedy: None,
        proxy: Proxy::default(),
    };
    // Documents contain addresses and credentials, whose values do not matter here.
    let choices = Choices {
        node_subnet: Subnet::around([10, 89, 0, 0].into(), 24).expect("24 is below 32"),
        api_port: 6443,
        service_address: None,
        host_addresses: Vec::new(),
    };
    let credentials = Credentials::mint(spec.name.as_str(), &[], now)?;
    let image = NodeImage {
        reference: String::new(),
        id: String::new(),
        kubernetes_version: KUBERNETES.parse().expect("the pinned version is a version"),
        pause_image: String::new(),
        image_store: PathBuf::new(),
        has_storage: true,
        has_metrics: true,
    };
    let images = vec![image; spec.nodes.len()];
    let registries = FoundRegistries::default();
    plan(spec, &machine, &images, &choices, &credentials, &registries, Path::new(""))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;
    use crate::util::text::error_chain;

    fn check(patches: &str) -> Result<(), PatchCheckError> {
        let text = format!("kind: Cluster\napiVersion: kipod.io/v1alpha1\n{patches}");
        check_patches(&crate::config::read(&text, "c.yaml").check().unwrap(), NOW)
    }

    #[test]
    fn check_patches_applies_each_to_its_document() {
        let operations = |path: &str| {
            format!(
                "kubeadmConfigPatchesJSON6902:\n- {{kind: ClusterConfiguration, patch: '[{{op: remove, path: {path}}}]'}}\n"
            )
        };
        check(&operations("/apiServer/certSANs/0")).unwrap();
        assert_eq!(
            error_chain(&check(&operations("/apiServer/certSANs/99")).unwrap_err()),
            "c.yaml:4:3: kubeadmConfigPatchesJSON6902[0]: cannot patch ClusterConfiguration of node `kipod-control-plane-0`: operation 1 (`remove /apiServer/certSANs/99`): the path does not exist in the document"
        );
    }

    #[test]
    fn check_patches_finds_contradictions() {
        let patch = "featureGates: {AllAlpha: true}\nkubeadmConfigPatches:\n- 'kind: KubeletConfiguration\n\n  featureGates: {AllAlpha: false}'\n";
        let error = error_chain(&check(patch).unwrap_err());
        assert!(error.ends_with("the patch sets `AllAlpha` to `false`, but `featureGates` of the configuration sets it to `true`"), "{error}");
    }
}
