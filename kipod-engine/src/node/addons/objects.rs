//! What the objects of add-ons have in common. Pure.

use serde_json::{Value, json};

const RBAC: &str = "rbac.authorization.k8s.io";
/// What who reads may do.
pub(super) const READ: &[&str] = &["get", "list", "watch"];

/// The account that an add-on works as; what it has in its namespace is called as the account is.
pub(super) struct Account {
    pub(super) name: &'static str,
    pub(super) namespace: &'static str,
}

impl Account {
    pub(super) fn metadata(&self) -> Value {
        json!({ "name": self.name, "namespace": self.namespace })
    }

    /// The account itself.
    pub(super) fn document(&self) -> Value {
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.metadata() })
    }

    /// Gives it a role, of its namespace or of the cluster.
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

    /// One pod of it, whose labels are these.
    pub(super) fn deployment(&self, labels: &Value, mut pod: Value) -> Value {
        pod["serviceAccountName"] = json!(self.name);
        // Where there are control planes only, it has to run on one of them.
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

/// A role of a namespace, or of the cluster where `metadata` has none.
pub(super) fn role(metadata: &Value, rules: &[Value]) -> Value {
    let kind = if metadata["namespace"].is_null() { "ClusterRole" } else { "Role" };
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": kind,
        "metadata": metadata,
        "rules": rules,
    })
}

/// What a role allows.
pub(super) fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}
