//! The default StorageClass and its provisioner.

use kipod_images::versions::{BUSYBOX, LOCAL_PATH_PROVISIONER};
use serde_json::{Value, json};

use super::objects::{Account, READ, role, rule};

/// The service account of the provisioner, with upstream's name and namespace.
const PROVISIONER: Account =
    Account { name: "local-path-provisioner", namespace: "local-path-storage" };
/// The directory of persistent volumes: on the node's volume, so that they survive its restarts.
const VOLUMES_DIR: &str = "/var/lib/kipod/volumes";

/// Returns the StorageClass `standard`, as in kind, and its provisioner. A volume is a directory on
/// the pod's node. It is deleted with its claim.
pub(crate) fn storage() -> Vec<Value> {
    let Account { name, namespace } = PROVISIONER;
    let own = PROVISIONER.metadata();
    let metadata = json!({ "name": name });
    let write = ["get", "list", "watch", "create", "patch", "update", "delete"];
    vec![
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }),
        PROVISIONER.service_account(),
        // Its helper pods.
        role(&own, &[rule("", &["pods"], &write)]),
        PROVISIONER.binding(&own, "Role", name),
        role(
            &metadata,
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
        PROVISIONER.binding(&metadata, "ClusterRole", name),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": own,
            "data": {
                "config.json": config(),
                "setup": "#!/bin/sh\nset -eu\nmkdir -m 0777 -p \"$VOL_DIR\"\n",
                "teardown": "#!/bin/sh\nset -eu\nrm -rf \"$VOL_DIR\"\n",
                "helperPod.yaml": helper_pod(),
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
            // The volume is created on the node to which the pod is scheduled.
            "volumeBindingMode": "WaitForFirstConsumer",
        }),
    ]
}

fn config() -> String {
    let paths = json!({ "node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [VOLUMES_DIR] });
    json!({ "nodePathMap": [paths] }).to_string()
}

/// Returns the pod that creates or removes a volume's directory. It tolerates all taints of the node.
fn helper_pod() -> String {
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
    fn config_map_values_are_valid_json() {
        for text in [config(), helper_pod()] {
            serde_json::from_str::<Value>(&text).unwrap();
        }
    }
}
