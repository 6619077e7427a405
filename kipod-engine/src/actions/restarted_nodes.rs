//! Detects Node and Pod status that is older than the node's restart.

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::jiff::Timestamp;

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
    pub(super) fn is_stale(&self, node: Option<&Node>) -> bool {
        let Some(node) = node.filter(|node| self.contains(node.metadata.name.as_deref())) else {
            return false;
        };
        let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
        let ready = conditions.and_then(|all| all.iter().find(|one| one.type_ == "Ready"));
        let heartbeat = ready.and_then(|ready| ready.last_heartbeat_time.as_ref());
        heartbeat.is_none_or(|heartbeat| heartbeat.0 < self.since)
    }

    /// Returns whether the status of a pod is older than the restart of its node.
    pub(super) fn is_old(&self, pod: &Pod) -> bool {
        if !self.contains(pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref())) {
            return false;
        }
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        statuses.into_iter().flatten().any(|container| {
            let running = container.state.as_ref().and_then(|state| state.running.as_ref());
            let started = running.and_then(|running| running.started_at.as_ref());
            started.is_none_or(|started| started.0 < self.since)
        })
    }

    fn contains(&self, node: Option<&str>) -> bool {
        node.is_some_and(|name| self.nodes.iter().any(|restarted| restarted == name))
    }
}
