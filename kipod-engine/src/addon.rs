//! What a cluster has beside what kubeadm gives it, as documents for its API server. Pure.

mod metrics;

use kipod_images::versions::{BUSYBOX, LOCAL_PATH_PROVISIONER};
use serde_json::{Value, json};

pub(crate) use metrics::metrics;

/// Where the provisioner and its helpers live; as upstream has it.
const NAMESPACE: &str = "local-path-storage";
const NAME: &str = "local-path-provisioner";
/// Where volumes are on a node: on the node's own volume, so that they outlive its restarts.
const FOLDER: &str = "/var/lib/kipod/volumes";

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

/// The default StorageClass, `standard` as in kind: folders of the node that the pod is on. They are
/// there when the pod comes back to that node, and gone when the claim is deleted.
pub(crate) fn storage() -> Vec<Value> {
    let metadata = json!({ "name": NAME, "namespace": NAMESPACE });
    let labels = json!({ "app": NAME });
    let subject = json!({ "kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE });
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({ "apiGroups": groups, "resources": resources, "verbs": verbs });
    let read = ["get", "list", "watch"];
    let write = ["get", "list", "watch", "create", "patch", "update", "delete"];
    vec![
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }),
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata,
            // Its helpers.
            "rules": [rule(&[""], &["pods"], &write)],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME },
            "subjects": [subject],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": { "name": NAME },
            "rules": [
                rule(
                    &[""],
                    &["nodes", "persistentvolumeclaims", "configmaps", "pods", "pods/log"],
                    &read,
                ),
                rule(&[""], &["persistentvolumes"], &write),
                rule(&[""], &["events"], &["create", "patch"]),
                rule(&["storage.k8s.io"], &["storageclasses"], &read),
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": { "name": NAME },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": NAME,
            },
            "subjects": [subject],
        }),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {
                "config.json": config(),
                "setup": "#!/bin/sh\nset -eu\nmkdir -m 0777 -p \"$VOL_DIR\"\n",
                "teardown": "#!/bin/sh\nset -eu\nrm -rf \"$VOL_DIR\"\n",
                "helperPod.yaml": helper(),
            },
        }),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": provisioner() },
            },
        }),
        json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "standard",
                "annotations": { "storageclass.kubernetes.io/is-default-class": "true" },
            },
            "provisioner": "rancher.io/local-path",
            "reclaimPolicy": "Delete",
            // On the node that the pod is on.
            "volumeBindingMode": "WaitForFirstConsumer",
        }),
    ]
}

fn config() -> String {
    let paths = json!({ "node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [FOLDER] });
    json!({ "nodePathMap": [paths] }).to_string()
}

/// The pod that makes or removes a folder, on its node whatever that is tainted with.
fn helper() -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "helper-pod" },
        "spec": {
            "tolerations": [{ "operator": "Exists" }],
            "containers": [
                { "name": "helper-pod", "image": BUSYBOX, "imagePullPolicy": "IfNotPresent" },
            ],
        },
    })
    .to_string()
}

fn provisioner() -> Value {
    json!({
        "serviceAccountName": NAME,
        // Where there are control planes only, it has to run on one of them.
        "tolerations": [{
            "key": "node-role.kubernetes.io/control-plane",
            "operator": "Exists",
            "effect": "NoSchedule",
        }],
        "containers": [{
            "name": NAME,
            "image": LOCAL_PATH_PROVISIONER,
            "imagePullPolicy": "IfNotPresent",
            "command": [
                NAME, "start",
                "--config", "/etc/config/config.json",
                "--configmap-name", NAME,
                "--service-account-name", NAME,
            ],
            "env": [
                { "name": "CONFIG_MOUNT_PATH", "value": "/etc/config/" },
                {
                    "name": "POD_NAMESPACE",
                    "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } },
                },
            ],
            "volumeMounts": [{ "name": "config", "mountPath": "/etc/config/" }],
        }],
        "volumes": [{ "name": "config", "configMap": { "name": NAME } }],
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

    #[test]
    fn texts_within_are_documents_themselves() {
        for text in [config(), helper()] {
            serde_json::from_str::<Value>(&text).unwrap();
        }
    }
}
