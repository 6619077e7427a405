//! What a cluster has beside what kubeadm gives it, as documents for its API server. Pure.

mod metrics;
mod objects;
mod storage;

use serde_json::{Value, json};

pub(crate) use metrics::metrics;
pub(crate) use storage::storage;

/// Where a cluster says which registry of the machine it pulls from, for tools that build images:
/// KEP-1755, in the namespace `kube-public`.
pub(crate) const REGISTRY_HOSTING: &str = "local-registry-hosting";
/// The label that says who keeps a document.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// That `host`, such as `localhost:5001`, is the registry to push to.
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
        // YAML, of which JSON is a part.
        "data": { "localRegistryHosting.v1": hosting.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_says_what_it_is() {
        for document in storage().into_iter().chain(metrics()) {
            for key in ["/apiVersion", "/kind", "/metadata/name"] {
                assert!(document.pointer(key).is_some_and(Value::is_string), "{key}: {document}");
            }
        }
    }
}
