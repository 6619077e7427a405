//! The default StorageClass, with the provisioner behind it. Pure.

use kipod_images::versions::{BUSYBOX, LOCAL_PATH_PROVISIONER};
use serde_json::{Value, json};

use super::objects::{Account, READ, role, rule};

/// Where the provisioner and its helpers live; as upstream has it.
const PROVISIONER: Account =
    Account { name: "local-path-provisioner", namespace: "local-path-storage" };
/// Where volumes are on a node: on the node's own volume, so that they outlive its restarts.
const FOLDER: &str = "/var/lib/kipod/volumes";

/// `standard`, as in kind: folders of the node that the pod is on. They are
/// there when the pod comes back to that node, and gone when the claim is deleted.
pub(crate) fn storage() -> Vec<Value> {
    let Account { name, namespace } = PROVISIONER;
    let own = PROVISIONER.metadata();
    let everywhere = json!({ "name": name });
    let write = ["get", "list", "watch", "create", "patch", "update", "delete"];
    vec![
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }),
        PROVISIONER.document(),
        // Its helpers.
        role(&own, &[rule("", &["pods"], &write)]),
        PROVISIONER.binding(&own, "Role", name),
        role(
            &everywhere,
            &[
                rule(
                    "",
                    &["nodes", "persistentvolumeclaims", "configmaps", "pods", "pods/log"],
                    READ,
                ),
                rule("", &["persistentvolumes"], &write),
                rule("", &["events"], &["create", "patch"]),
                rule("storage.k8s.io", &["storageclasses"], READ),
            ],
        ),
        PROVISIONER.binding(&everywhere, "ClusterRole", name),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": own,
            "data": {
                "config.json": config(),
                "setup": "#!/bin/sh\nset -eu\nmkdir -m 0777 -p \"$VOL_DIR\"\n",
                "teardown": "#!/bin/sh\nset -eu\nrm -rf \"$VOL_DIR\"\n",
                "helperPod.yaml": helper(),
            },
        }),
        PROVISIONER.deployment(&json!({ "app": name }), provisioner()),
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
    let name = PROVISIONER.name;
    json!({
        "containers": [{
            "name": name,
            "image": LOCAL_PATH_PROVISIONER,
            "imagePullPolicy": "IfNotPresent",
            "command": [
                name, "start",
                "--config", "/etc/config/config.json",
                "--configmap-name", name,
                "--service-account-name", name,
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
        "volumes": [{ "name": "config", "configMap": { "name": name } }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_within_are_documents_themselves() {
        for text in [config(), helper()] {
            serde_json::from_str::<Value>(&text).unwrap();
        }
    }
}
