//! Add-ons: manifests that kipod applies in addition to those of kubeadm.

mod local_images;
mod metrics;
mod objects;
mod storage;

use serde_json::{Value, json};

pub(crate) use local_images::local_images;
pub(crate) use metrics::metrics;
pub(crate) use storage::storage;

/// The ConfigMap in the namespace `kube-public` that announces the local registry to tools which
/// build images. Source: KEP-1755.
pub(crate) const REGISTRY_HOSTING: &str = "local-registry-hosting";
/// The label with the name of the tool that manages an object.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Returns the ConfigMap that announces `host`, such as `localhost:5001`, as the registry to push to.
pub(crate) fn registry_hosting(host: &str) -> Value {
    let hosting = json!({
        "host": host,
        "hostFromContainerRuntime": host,
        "help": "push with: podman push --tls-verify=false IMAGE HOST/IMAGE",
    });
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": REGISTRY_HOSTING,
            "namespace": "kube-public",
            "labels": { MANAGED_BY: "kipod" },
        },
        // The value is YAML, which includes JSON.
        "data": { "localRegistryHosting.v1": hosting.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_have_api_version_kind_and_name() {
        for manifest in storage().into_iter().chain(metrics()).chain(local_images()) {
            for key in ["/apiVersion", "/kind", "/metadata/name"] {
                assert!(manifest.pointer(key).is_some_and(Value::is_string), "{key}: {manifest}");
            }
        }
    }
}
