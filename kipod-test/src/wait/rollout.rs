//! Workloads whose newest template is everywhere.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::Resource;

use super::{Condition, State};
use crate::view::{int, list, text, view};

/// Workloads that are rolled out: Deployments, StatefulSets and DaemonSets.
pub trait Rollout: Resource {
    /// How far the rollout is: what the status has seen of the spec, and how many replicas are
    /// wanted, updated and available.
    fn numbers(&self) -> Numbers;

    /// Why it will never come to its end, where that is known.
    fn stuck(&self) -> Option<String> {
        None
    }
}

/// How far a rollout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// The generation of the spec that the status is about.
    pub observed: i64,
    /// Replicas that are wanted.
    pub wanted: i64,
    /// Replicas there are, of whatever template.
    pub present: i64,
    /// Replicas of the newest template.
    pub updated: i64,
    /// Replicas that are available.
    pub available: i64,
}

/// Every replica there is has the newest template, and all that are wanted are available. A
/// Deployment that says its progress deadline is exceeded never will be.
pub fn rolled_out<K: Rollout>() -> Condition<K> {
    Condition::of("rolled out", |object: &K| {
        let numbers = object.numbers();
        let Numbers { observed, wanted, present, updated, available } = numbers;
        if observed < object.meta().generation.unwrap_or(0) {
            return State::NotYet("nobody has looked at its newest spec".to_owned());
        }
        if let Some(why) = object.stuck() {
            return State::Never(why);
        }
        if updated >= wanted && present <= updated && available >= wanted {
            return State::Met;
        }
        let mut text = format!("of {wanted} replicas {updated} are updated, {available} available");
        if present > updated {
            text.push_str(&format!("; {} old ones are left", present - updated));
        }
        State::NotYet(text)
    })
}

impl Rollout for Deployment {
    fn numbers(&self) -> Numbers {
        let all = view(self);
        let status = &all["status"];
        Numbers {
            observed: int(&status["observedGeneration"], 0),
            wanted: int(&all["spec"]["replicas"], 1),
            present: int(&status["replicas"], 0),
            updated: int(&status["updatedReplicas"], 0),
            available: int(&status["availableReplicas"], 0),
        }
    }

    fn stuck(&self) -> Option<String> {
        let all = view(self);
        let found = list(&all["status"]["conditions"]).iter().find(|one| {
            one["type"] == "Progressing" && one["reason"] == "ProgressDeadlineExceeded"
        })?;
        Some(text(&found["message"]).unwrap_or("its progress deadline is exceeded").to_owned())
    }
}

impl Rollout for StatefulSet {
    fn numbers(&self) -> Numbers {
        let all = view(self);
        let status = &all["status"];
        let settled = status["updateRevision"] == status["currentRevision"];
        let present = int(&status["replicas"], 0);
        Numbers {
            observed: int(&status["observedGeneration"], 0),
            wanted: int(&all["spec"]["replicas"], 1),
            present,
            // With nothing to update the count of updated replicas may be left out.
            updated: if settled { present } else { int(&status["updatedReplicas"], 0) },
            available: int(&status["availableReplicas"], int(&status["readyReplicas"], 0)),
        }
    }
}

impl Rollout for DaemonSet {
    fn numbers(&self) -> Numbers {
        let all = view(self);
        let status = &all["status"];
        Numbers {
            observed: int(&status["observedGeneration"], 0),
            wanted: int(&status["desiredNumberScheduled"], 0),
            present: int(&status["currentNumberScheduled"], 0),
            updated: int(&status["updatedNumberScheduled"], 0),
            available: int(&status["numberAvailable"], 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn deployment(status: serde_json::Value) -> State {
        let deployment: Deployment = from_value(json!({"metadata": {"generation": 2},
            "spec": {"replicas": 3, "selector": {}, "template": {}}, "status": status}))
        .unwrap();
        rolled_out().check(Some(&deployment))
    }

    fn not_yet(text: &str) -> State {
        State::NotYet(text.to_owned())
    }

    #[test]
    fn a_deployment_is_rolled_out_when_nothing_old_is_left() {
        let status = |observed: i64, replicas: i32, updated: i32, available: i32| {
            json!({"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated,
                "availableReplicas": available})
        };
        assert_eq!(deployment(status(2, 3, 3, 3)), State::Met);
        assert_eq!(deployment(status(1, 3, 3, 3)), not_yet("nobody has looked at its newest spec"));
        let text = "of 3 replicas 3 are updated, 3 available; 1 old ones are left";
        assert_eq!(deployment(status(2, 4, 3, 3)), not_yet(text));
        assert_eq!(
            deployment(status(2, 1, 1, 0)),
            not_yet("of 3 replicas 1 are updated, 0 available")
        );
        let late = json!({"observedGeneration": 2, "conditions": [{"type": "Progressing",
            "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too late"}]});
        assert_eq!(deployment(late), State::Never("too late".to_owned()));
    }

    #[test]
    fn stateful_and_daemon_sets_count_their_own_way() {
        let set: StatefulSet = from_value(json!({"spec": {"replicas": 2, "selector": {},
            "serviceName": "", "template": {}}, "status": {"replicas": 2, "readyReplicas": 2,
            "currentRevision": "a", "updateRevision": "a"}}))
        .unwrap();
        assert_eq!(rolled_out().check(Some(&set)), State::Met);
        let set: DaemonSet =
            from_value(json!({"spec": {"selector": {}, "template": {}}, "status": {
            "currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0,
            "numberReady": 0, "updatedNumberScheduled": 1}}))
            .unwrap();
        assert_eq!(
            rolled_out().check(Some(&set)),
            not_yet("of 1 replicas 1 are updated, 0 available")
        );
    }
}
