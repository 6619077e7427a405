//! metrics-server: what nodes and pods use, for `kubectl top` and autoscalers. Pure.

use kipod_images::versions::METRICS_SERVER;
use serde_json::{Value, json};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "metrics-server";
/// The port it listens on, in its own network.
const PORT: u16 = 10_250;

/// Its objects, with the names and rights that upstream's have.
pub(crate) fn metrics() -> Vec<Value> {
    let metadata = json!({ "name": NAME, "namespace": NAMESPACE });
    let labels = json!({ "k8s-app": NAME });
    let collects = format!("system:{NAME}");
    vec![
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }),
        readers(),
        role(&collects, "", &["pods", "nodes", "nodes/metrics"]),
        binding("ClusterRoleBinding", json!({ "name": collects }), "ClusterRole", &collects),
        // Who asks it is known to the API server, and so is what they may see.
        binding(
            "ClusterRoleBinding",
            json!({ "name": format!("{NAME}:system:auth-delegator") }),
            "ClusterRole",
            "system:auth-delegator",
        ),
        binding(
            "RoleBinding",
            json!({ "name": format!("{NAME}-auth-reader"), "namespace": NAMESPACE }),
            "Role",
            "extension-apiserver-authentication-reader",
        ),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": labels,
                "ports": [{ "name": "https", "port": 443, "targetPort": "https" }],
            },
        }),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": pod() },
            },
        }),
        json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": { "name": "v1beta1.metrics.k8s.io" },
            "spec": {
                "service": { "name": NAME, "namespace": NAMESPACE },
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                // It signs for itself, at each start.
                "insecureSkipTLSVerify": true,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        }),
    ]
}

/// Who may view, edit or administer a namespace may see what is used in it, too.
fn readers() -> Value {
    let mut role = role("system:aggregated-metrics-reader", "metrics.k8s.io", &["pods", "nodes"]);
    for into in ["view", "edit", "admin"] {
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{into}");
        role["metadata"]["labels"][label] = json!("true");
    }
    role
}

/// A role that may read these resources.
fn role(name: &str, group: &str, resources: &[&str]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": { "name": name },
        "rules": [{
            "apiGroups": [group],
            "resources": resources,
            "verbs": ["get", "list", "watch"],
        }],
    })
}

/// Gives its account a role.
fn binding(kind: &str, metadata: Value, role_kind: &str, role: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role },
        "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE }],
    })
}

fn pod() -> Value {
    let probe = |path: &str, seconds: u32| {
        json!({
            "httpGet": { "path": path, "port": "https", "scheme": "HTTPS" },
            "periodSeconds": seconds,
        })
    };
    json!({
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        // Where there are control planes only, it has to run on one of them.
        "tolerations": [{
            "key": "node-role.kubernetes.io/control-plane",
            "operator": "Exists",
            "effect": "NoSchedule",
        }],
        "containers": [{
            "name": NAME,
            "image": METRICS_SERVER,
            "imagePullPolicy": "IfNotPresent",
            "args": [
                "--cert-dir=/tmp",
                format!("--secure-port={PORT}"),
                "--kubelet-preferred-address-types=InternalIP",
                "--kubelet-use-node-status-port",
                // Upstream's. It answers once it has asked twice, so half a minute after its start.
                "--metric-resolution=15s",
                // Each kubelet signs for itself, and the way to it does not leave this machine.
                "--kubelet-insecure-tls",
            ],
            "ports": [{ "name": "https", "containerPort": PORT }],
            "readinessProbe": probe("/readyz", 2),
            "livenessProbe": probe("/livez", 10),
            "securityContext": {
                "readOnlyRootFilesystem": true,
                "runAsNonRoot": true,
                "runAsUser": 1000,
                "allowPrivilegeEscalation": false,
                "seccompProfile": { "type": "RuntimeDefault" },
                "capabilities": { "drop": ["ALL"] },
            },
            "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }],
        }],
        "volumes": [{ "name": "tmp", "emptyDir": {} }],
    })
}
