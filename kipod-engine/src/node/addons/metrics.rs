//! metrics-server: resource metrics of nodes and pods, for `kubectl top` and autoscalers.

use kipod_images::versions::METRICS_SERVER;
use serde_json::{Value, json};

use super::objects::{Account, READ, role, rule};

const SERVER: Account = Account { name: "metrics-server", namespace: "kube-system" };
/// The port on which it listens, in the pod's network.
const PORT: u16 = 10_250;

/// Returns the objects of metrics-server, with upstream's names and permissions.
pub(crate) fn metrics() -> Vec<Value> {
    let Account { name, namespace } = SERVER;
    let own = SERVER.metadata();
    let labels = json!({ "k8s-app": name });
    let cluster_role = format!("system:{name}");
    let metadata = json!({ "name": cluster_role });
    vec![
        SERVER.service_account(),
        aggregated_reader(),
        role(&metadata, &[rule("", &["pods", "nodes", "nodes/metrics"], READ)]),
        SERVER.binding(&metadata, "ClusterRole", &cluster_role),
        // The API server authenticates and authorizes its clients.
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
                // Its certificate is self-signed at each start.
                "insecureSkipTLSVerify": true,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        }),
    ]
}

/// Extends the roles `view`, `edit` and `admin` with read access to metrics.
fn aggregated_reader() -> Value {
    let name = json!({ "name": "system:aggregated-metrics-reader" });
    let mut role = role(&name, &[rule("metrics.k8s.io", &["pods", "nodes"], READ)]);
    for target in ["view", "edit", "admin"] {
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{target}");
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
                // Upstream's default. The first metrics are available after two scrapes: 30 s.
                "--metric-resolution=15s",
                // kubelet certificates are self-signed, and the traffic does not leave the host.
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
