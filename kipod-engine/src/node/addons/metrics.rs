//! metrics-server: what nodes and pods use, for `kubectl top` and autoscalers. Pure.

use kipod_images::versions::METRICS_SERVER;
use serde_json::{Value, json};

use super::objects::{Account, READ, role, rule};

const SERVER: Account = Account { name: "metrics-server", namespace: "kube-system" };
/// The port it listens on, in its own network.
const PORT: u16 = 10_250;

/// Its objects, with the names and rights that upstream's have.
pub(crate) fn metrics() -> Vec<Value> {
    let Account { name, namespace } = SERVER;
    let own = SERVER.metadata();
    let labels = json!({ "k8s-app": name });
    let collects = format!("system:{name}");
    let everywhere = json!({ "name": collects });
    vec![
        SERVER.document(),
        readers(),
        role(&everywhere, &[rule("", &["pods", "nodes", "nodes/metrics"], READ)]),
        SERVER.binding(&everywhere, "ClusterRole", &collects),
        // Who asks it is known to the API server, and so is what they may see.
        SERVER.binding(
            &json!({ "name": format!("{name}:system:auth-delegator") }),
            "ClusterRole",
            "system:auth-delegator",
        ),
        SERVER.binding(
            &json!({ "name": format!("{name}-auth-reader"), "namespace": namespace }),
            "Role",
            "extension-apiserver-authentication-reader",
        ),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": own,
            "spec": {
                "selector": labels,
                "ports": [{ "name": "https", "port": 443, "targetPort": "https" }],
            },
        }),
        SERVER.deployment(&labels, pod()),
        json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": { "name": "v1beta1.metrics.k8s.io" },
            "spec": {
                "service": { "name": name, "namespace": namespace },
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
    let name = json!({ "name": "system:aggregated-metrics-reader" });
    let mut role = role(&name, &[rule("metrics.k8s.io", &["pods", "nodes"], READ)]);
    for into in ["view", "edit", "admin"] {
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{into}");
        role["metadata"]["labels"][label] = json!("true");
    }
    role
}

fn pod() -> Value {
    let probe = |path: &str, seconds: u32| {
        json!({
            "httpGet": { "path": path, "port": "https", "scheme": "HTTPS" },
            "periodSeconds": seconds,
        })
    };
    json!({
        "priorityClassName": "system-cluster-critical",
        "containers": [{
            "name": SERVER.name,
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
