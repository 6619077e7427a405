//! Detects Node and Pod status that is older than the node's restart.

use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

/// Nodes that were restarted. The API server's view of them and their pods may be older than the
/// restart: Kubernetes considers a stopped node Ready for another 40 seconds.
pub(super) struct RestartedNodes {
    nodes: Vec<String>,
    since: Timestamp,
}

impl RestartedNodes {
    /// Creates the set of nodes that are restarted now.
    pub(super) fn now(nodes: Vec<String>) -> Self {
        // Timestamps of Kubernetes have no fractions of a second.
        let since = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        Self { nodes, since }
    }

    /// Creates the empty set, for new nodes.
    pub(super) fn none() -> Self {
        Self::now(Vec::new())
    }

    /// Returns whether the conditions of a node are older than its restart.
    pub(super) fn is_stale(&self, node: Option<&DynamicObject>) -> bool {
        let Some(node) = node.filter(|node| self.contains(node.metadata.name.as_deref())) else {
            return false;
        };
        ready_condition(node).is_none_or(|ready| self.is_older(&ready["lastHeartbeatTime"]))
    }

    /// Returns whether the status of a pod is older than the restart of its node.
    pub(super) fn is_old(&self, pod: &DynamicObject) -> bool {
        if !self.contains(pod.data["spec"]["nodeName"].as_str()) {
            return false;
        }
        let statuses = pod.data["status"]["containerStatuses"].as_array();
        let mut started = statuses.into_iter().flatten().map(|one| &one["state"]["running"]);
        started.any(|running| self.is_older(&running["startedAt"]))
    }

    /// Returns whether a time of the API is older than the restart. A missing time is.
    fn is_older(&self, time: &Value) -> bool {
        let time = time.as_str().and_then(|time| time.parse::<Timestamp>().ok());
        time.is_none_or(|time| time < self.since)
    }

    fn contains(&self, node: Option<&str>) -> bool {
        node.is_some_and(|name| self.nodes.iter().any(|restarted| restarted == name))
    }
}

/// Returns the condition `Ready` of a node or a pod.
pub(super) fn ready_condition(object: &DynamicObject) -> Option<&Value> {
    let conditions = object.data["status"]["conditions"].as_array()?;
    conditions.iter().find(|one| one["type"] == "Ready")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn restarted_nodes_reject_older_conditions() {
        let restarted = RestartedNodes {
            nodes: vec!["one".into()],
            since: "2026-01-01T00:00:10Z".parse().unwrap(),
        };
        let node = |name: &str, conditions: Value| {
            object(json!({"metadata": {"name": name}, "status": {"conditions": conditions}}))
        };
        let ready =
            |time: &str| json!([{"type": "Ready", "status": "True", "lastHeartbeatTime": time}]);
        let is_stale = |node: DynamicObject| restarted.is_stale(Some(&node));
        assert!(is_stale(node("one", ready("2026-01-01T00:00:09Z"))));
        assert!(is_stale(node("one", json!([]))));
        assert!(!is_stale(node("one", ready("2026-01-01T00:00:10Z"))));
        assert!(!is_stale(node("two", ready("2026-01-01T00:00:09Z"))));
        assert!(!restarted.is_stale(None));
    }

    #[test]
    fn restarted_nodes_reject_older_pods() {
        let restarted = RestartedNodes {
            nodes: vec!["one".into()],
            since: "2026-01-01T00:00:10Z".parse().unwrap(),
        };
        let is_old = |node: &str, state: Value| {
            restarted.is_old(&object(json!({"metadata": {}, "spec": {"nodeName": node},
                "status": {"containerStatuses": [{"name": "dns", "state": state}]}})))
        };
        let running = |time: &str| json!({"running": {"startedAt": time}});
        assert!(is_old("one", running("2026-01-01T00:00:09Z")));
        assert!(is_old("one", json!({"waiting": {}})));
        assert!(!is_old("one", running("2026-01-01T00:00:10Z")));
        assert!(!is_old("two", running("2026-01-01T00:00:09Z")));
    }
}
