//! Building blocks of add-on manifests: service account, roles, bindings and deployment.

use serde_json::{Value, json};

const RBAC: &str = "rbac.authorization.k8s.io";
/// Verbs for read-only access.
pub(super) const READ: &[&str] = &["get", "list", "watch"];

/// The service account of an add-on. Its other objects in the namespace have the same name.
pub(super) struct Account {
    pub(super) name: &'static str,
    pub(super) namespace: &'static str,
}

impl Account {
    pub(super) fn metadata(&self) -> Value {
        json!({ "name": self.name, "namespace": self.namespace })
    }

    /// Returns the ServiceAccount.
    pub(super) fn service_account(&self) -> Value {
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.metadata() })
    }

    /// Binds the account to a role: in a namespace if `metadata` has one, otherwise in the cluster.
    pub(super) fn binding(&self, metadata: &Value, role_kind: &str, role: &str) -> Value {
        let subject =
            json!({ "kind": "ServiceAccount", "name": self.name, "namespace": self.namespace });
        let kind =
            if metadata["namespace"].is_null() { "ClusterRoleBinding" } else { "RoleBinding" };
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": kind,
            "metadata": metadata,
            "roleRef": { "apiGroup": RBAC, "kind": role_kind, "name": role },
            "subjects": [subject],
        })
    }

    /// Returns a Deployment with one pod.
    pub(super) fn deployment(&self, labels: &Value, mut pod: Value) -> Value {
        pod["serviceAccountName"] = json!(self.name);
        // A cluster can consist of control planes only.
        pod["tolerations"] = json!([{
            "key": "node-role.kubernetes.io/control-plane",
            "operator": "Exists",
            "effect": "NoSchedule",
        }]);
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self.metadata(),
            "spec": {
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": pod },
            },
        })
    }
}

/// Returns a Role, or a ClusterRole if `metadata` has no namespace.
pub(super) fn role(metadata: &Value, rules: &[Value]) -> Value {
    let kind = if metadata["namespace"].is_null() { "ClusterRole" } else { "Role" };
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": kind,
        "metadata": metadata,
        "rules": rules,
    })
}

/// Returns a rule of a role.
pub(super) fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}
