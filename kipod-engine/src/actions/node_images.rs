//! Node images of a specification, and the version skew between them.

use std::collections::BTreeMap;
use std::path::Path;

use super::CreateError;
use crate::kubernetes::{Role, Version, check_skew};
use crate::node_image::{NodeImage, node_image};
use crate::plan::node_names;
use crate::podman::{Podman, StorageDriver};
use crate::spec::{ClusterSpec, NodeSpec};

/// Returns the image of each node, in their order.
pub(super) async fn of_nodes(
    podman: &dyn Podman,
    spec: &ClusterSpec,
    data: &Path,
    driver: StorageDriver,
) -> Result<Vec<NodeImage>, CreateError> {
    let mut known = BTreeMap::new();
    let mut images = Vec::new();
    for node in &spec.nodes {
        let reference = node.image.as_ref().unwrap_or(&spec.image);
        if !known.contains_key(reference) {
            let image = node_image(podman, reference.as_str(), data, driver).await?;
            known.insert(reference, image);
        }
        images.push(known[reference].clone());
    }
    let errors = skew_errors(spec, &images);
    if errors.is_empty() { Ok(images) } else { Err(CreateError::Skew { errors }) }
}

/// Returns an error for each node whose version skew to the first control plane is not supported.
fn skew_errors(spec: &ClusterSpec, images: &[NodeImage]) -> Vec<String> {
    let Some(first) = images.first() else { return Vec::new() };
    let nodes = spec.nodes.iter().zip(node_names(spec)).zip(images);
    let error = |((node, name), image): ((&NodeSpec, String), &NodeImage)| {
        skew_error(node.role, &name, &image.kubernetes_version, &first.kubernetes_version)
    };
    nodes.filter_map(error).collect()
}

/// Returns why the node `name`, which has the version `have`, cannot be in a cluster whose control plane
/// has `want`.
pub(super) fn skew_error(role: Role, name: &str, have: &Version, want: &Version) -> Option<String> {
    let error = check_skew(role, have, want).err()?;
    Some(format!("node `{name}` has {have}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(versions: &[(Role, &str)]) -> Vec<String> {
        let nodes = versions.iter().map(|(role, _)| NodeSpec::new(*role)).collect();
        let spec = ClusterSpec { nodes, ..ClusterSpec::default() };
        let images: Vec<_> = versions
            .iter()
            .map(|(_, version)| NodeImage {
                reference: String::new(),
                id: String::new(),
                kubernetes_version: version.parse().unwrap(),
                pause_image: String::new(),
                image_store: "/".into(),
                has_storage: false,
                has_metrics: false,
            })
            .collect();
        skew_errors(&spec, &images)
    }

    #[test]
    fn supported_version_skew_has_no_errors() {
        use Role::{ControlPlane, Worker};
        for versions in [
            vec![(ControlPlane, "v1.36.2")],
            vec![(ControlPlane, "v1.36.2"), (ControlPlane, "v1.36.0"), (Worker, "v1.36.9")],
            vec![(ControlPlane, "v1.36.2"), (Worker, "v1.33.0"), (Worker, "v1.35.1")],
        ] {
            assert_eq!(errors(&versions), Vec::<String>::new());
        }
    }

    #[test]
    fn unsupported_version_skew_reports_each_node() {
        use Role::{ControlPlane, Worker};
        let found = errors(&[
            (ControlPlane, "v1.35.2"),
            (ControlPlane, "v1.36.0"),
            (Worker, "v1.36.0"),
            (Worker, "v1.31.0"),
        ]);
        insta::assert_snapshot!(found.join("\n"), @r"
        node `kipod-control-plane-1` has v1.36.0: a control plane must have the minor version of the first control plane, which has v1.35.2
        node `kipod-worker-0` has v1.36.0: a worker must not be newer than the control plane, which has v1.35.2
        node `kipod-worker-1` has v1.31.0: a worker must be at most 3 minor versions older than the control plane, which has v1.35.2
        ");
    }
}
