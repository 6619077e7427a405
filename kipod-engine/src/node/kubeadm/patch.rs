//! Applies the user's patches to the kubeadm configuration.

use json_patch::{PatchErrorKind, merge, patch};
use serde_json::{Map, Value, json};

use super::argument_patch::{self, Configured};
use super::patch_error::{PatchCause, PatchError};
use crate::spec::{JsonPatch, KubeadmPatches};

/// Applies patches to the documents that kubeadm reads on a node: patches of the cluster, then of the
/// node, and merge patches before JSON patches. A patch without a matching document has no effect.
/// `configured` are the values that the configuration sets with its own keys.
///
/// # Errors
///
/// At the first patch that cannot be applied.
pub fn apply_patches(
    documents: &mut [Value],
    node: &str,
    cluster_patches: &KubeadmPatches,
    node_patches: &KubeadmPatches,
    configured: &Configured,
) -> Result<(), PatchError> {
    for document in documents {
        let kind = document["kind"].as_str().unwrap_or_default().to_owned();
        for patches in [cluster_patches, node_patches] {
            let failed = |location: &str, cause| PatchError {
                location: location.to_owned(),
                kind: kind.clone(),
                node: node.to_owned(),
                cause: Box::new(cause),
            };
            for one in &patches.merge {
                let matching = one.documents.iter().filter(|(target, _)| target.matches(document));
                for (_, change) in matching.collect::<Vec<_>>() {
                    let change = without_header(change.clone());
                    configured
                        .check_gates(&kind, &change)
                        .and_then(|()| merge_patch(document, change, "", configured))
                        .map_err(|why| failed(&one.location, why))?;
                }
            }
            for one in
                patches.json.iter().filter(|one| one.target.matches(document)).collect::<Vec<_>>()
            {
                json_patch(document, one).map_err(|why| failed(&one.location, why))?;
            }
        }
    }
    Ok(())
}

/// Removes the fields that identify the patched document. kubeadm's documents have no `metadata`, but
/// patches for kind do.
fn without_header(mut change: Value) -> Value {
    if let Value::Object(fields) = &mut change {
        for field in ["apiVersion", "kind", "metadata"] {
            fields.remove(field);
        }
    }
    change
}

/// Merges as specified in RFC 7386, except for lists that each patch would have to repeat: arguments
/// are merged by name (see [`argument_patch`]), and certificate SANs are added. `path` is the path of
/// `target`.
fn merge_patch(
    target: &mut Value,
    mut change: Value,
    path: &str,
    configured: &Configured,
) -> Result<(), PatchCause> {
    if let (Value::Object(fields), Value::Object(changes)) = (&mut *target, &mut change) {
        let special = |name: &str| matches!(name, "extraArgs" | "kubeletExtraArgs" | "certSANs");
        let names: Vec<String> = changes.keys().cloned().collect();
        for name in names {
            let path = format!("{path}/{name}");
            if special(&name) {
                if let Some(change) = changes.remove(&name) {
                    merge_list(fields, &name, change, &path, configured)?;
                }
            } else if changes[&name].is_object() && fields.get(&name).is_none_or(Value::is_object) {
                let inner = changes.remove(&name).unwrap_or_default();
                let field = fields.entry(name).or_insert_with(|| json!({}));
                merge_patch(field, inner, &path, configured)?;
            }
        }
    }
    merge(target, &change);
    Ok(())
}

fn merge_list(
    fields: &mut Map<String, Value>,
    name: &str,
    change: Value,
    path: &str,
    configured: &Configured,
) -> Result<(), PatchCause> {
    if change.is_null() {
        fields.remove(name);
        return Ok(());
    }
    let slot = fields.entry(name.to_owned()).or_insert_with(|| json!([]));
    let Value::Array(list) = slot else {
        return Err(PatchCause::NotAListInDocument { path: path.to_owned() });
    };
    if name == "certSANs" {
        let Value::Array(more) = change else {
            return Err(PatchCause::NotAList { path: path.to_owned() });
        };
        for name in more {
            if !list.contains(&name) {
                list.push(name);
            }
        }
        return Ok(());
    }
    argument_patch::merge(list, change, path, configured)?;
    Ok(())
}

fn json_patch(document: &mut Value, change: &JsonPatch) -> Result<(), PatchCause> {
    patch(document, &change.operations).map_err(|error| {
        let reason = match error.kind {
            PatchErrorKind::TestFailed => "the value is different",
            PatchErrorKind::InvalidFromPointer => "`from` does not exist in the document",
            PatchErrorKind::CannotMoveInsideItself => "a value cannot be moved into itself",
            _ => "the path does not exist in the document",
        };
        let operation = change.operations.get(error.operation);
        let name = operation
            .and_then(|operation| serde_json::to_value(operation).ok())
            .and_then(|operation| operation["op"].as_str().map(str::to_owned))
            .unwrap_or_default();
        PatchCause::Operation {
            number: error.operation + 1,
            operation: name,
            path: error.path.to_string(),
            reason,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{RawJsonPatch, RawPatches, RawSpec};
    use crate::util::text::error_chain;

    fn patches(merge: &[&str], json: &[(&str, &str, &str)]) -> KubeadmPatches {
        let kubeadm_patches = RawPatches {
            merge: merge.iter().map(|text| (*text).into()).collect(),
            json: json
                .iter()
                .map(|(version, kind, patch)| RawJsonPatch {
                    group: (!version.is_empty()).then(|| "kubeadm.k8s.io".into()),
                    version: (!version.is_empty()).then(|| (*version).into()),
                    kind: Some((*kind).into()),
                    patch: Some((*patch).into()),
                    ..RawJsonPatch::default()
                })
                .collect(),
        };
        let raw = RawSpec { kubeadm_patches, ..RawSpec::default() };
        raw.check().unwrap_or_else(|errors| panic!("{errors}")).kubeadm_patches
    }

    fn documents() -> Vec<Value> {
        vec![
            json!({
                "apiVersion": "kubeadm.k8s.io/v1beta4",
                "kind": "ClusterConfiguration",
                "apiServer": {
                    "certSANs": ["localhost"],
                    "extraArgs": [{ "name": "v", "value": "1" }, { "name": "a", "value": "b" }],
                },
            }),
            json!({ "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration" }),
        ]
    }

    fn patched(cluster: &KubeadmPatches, node: &KubeadmPatches) -> Result<Vec<Value>, PatchError> {
        let mut documents = documents();
        apply_patches(&mut documents, "n", cluster, node, &Configured::default())
            .map(|()| documents)
    }

    #[test]
    fn merge_patch_extends_arguments_and_sans() {
        for version in ["", "apiVersion: kubeadm.k8s.io/v1beta3\n"] {
            let text = format!(
                "{version}kind: ClusterConfiguration\nmetadata: {{name: config}}\napiServer:\n  \
                 certSANs: [x, localhost]\n  extraArgs: {{v: 4, a: null, new: 'yes'}}\n  \
                 extraVolumes: [{{name: x}}]\n"
            );
            let documents = patched(&patches(&[&text], &[]), &KubeadmPatches::default()).unwrap();
            assert_eq!(
                documents[0],
                json!({
                    "apiVersion": "kubeadm.k8s.io/v1beta4",
                    "kind": "ClusterConfiguration",
                    "apiServer": {
                        "certSANs": ["localhost", "x"],
                        "extraArgs": [
                            { "name": "v", "value": "4" },
                            { "name": "new", "value": "yes" },
                        ],
                        "extraVolumes": [{ "name": "x" }],
                    },
                })
            );
        }
    }

    #[test]
    fn patch_applies_to_its_kind_and_version() {
        let kubelet =
            "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 9\n";
        let old = "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\nuseHyperKubeImage: true\n";
        let both = format!("{kubelet}---\n{old}");
        let documents = patched(&patches(&[&both], &[]), &KubeadmPatches::default()).unwrap();
        assert_eq!(documents[0], super::tests::documents()[0]);
        assert_eq!(documents[1]["maxPods"], 9);
    }

    #[test]
    fn node_patch_overrides_cluster_patch() {
        let cluster = patches(&["kind: KubeletConfiguration\nmaxPods: 9\npodsPerCore: 1\n"], &[]);
        let add = r#"[{"op": "add", "path": "/allowedUnsafeSysctls", "value": ["net.*"]}]"#;
        let node = patches(
            &["kind: KubeletConfiguration\nmaxPods: 10\npodsPerCore: null\n"],
            &[("", "KubeletConfiguration", add)],
        );
        let documents = patched(&cluster, &node).unwrap();
        assert_eq!(documents[1]["maxPods"], 10);
        assert_eq!(documents[1].get("podsPerCore"), None);
        assert_eq!(documents[1]["allowedUnsafeSysctls"], json!(["net.*"]));
    }

    #[test]
    fn errors_name_the_location_and_cause() {
        let error = |merge: &[&str], json: &[(&str, &str, &str)]| {
            let patches = patches(merge, json);
            error_chain(&patched(&patches, &KubeadmPatches::default()).unwrap_err())
        };
        let operations = "- {op: add, path: /apiServer/certSANs/-, value: x}\n- {op: remove, path: /scheduler/extraEnvs}\n";
        insta::assert_snapshot!(
            error(&[], &[("v1beta4", "ClusterConfiguration", operations)]),
            @"kubeadm patch: cannot patch ClusterConfiguration of node `n`: operation 2 (`remove /scheduler/extraEnvs`): the path does not exist in the document"
        );
        let operations = "- {op: test, path: /apiServer/certSANs/0, value: x}\n";
        insta::assert_snapshot!(
            error(&[], &[("v1beta3", "ClusterConfiguration", operations)]),
            @"kubeadm patch: cannot patch ClusterConfiguration of node `n`: operation 1 (`test /apiServer/certSANs/0`): the value is different"
        );
        insta::assert_snapshot!(
            error(&["kind: ClusterConfiguration\napiServer: {extraArgs: [{value: x}]}\n"], &[]),
            @"kubeadm patch: cannot patch ClusterConfiguration of node `n`: `/apiServer/extraArgs` has an item without a `name`"
        );
        insta::assert_snapshot!(
            error(&["kind: ClusterConfiguration\napiServer: {extraArgs: {a: [1]}}\n"], &[]),
            @"kubeadm patch: cannot patch ClusterConfiguration of node `n`: `/apiServer/extraArgs`: the value of `a` is not text"
        );
    }
}
