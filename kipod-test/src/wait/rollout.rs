//! Rollouts of workloads.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::Resource;
use kube::api::{ApiResource, DynamicObject};
use serde_json::Value;

use super::condition::{Condition, State};
use crate::json::{int, list, text, to_json};

/// Workloads with a rollout: Deployments, StatefulSets and DaemonSets.
///
/// ```
/// use kipod::k8s_openapi::api::apps::v1::Deployment;
/// use kipod::wait::Rollout;
///
/// assert_eq!(Deployment::default().rollout_status().desired, 1);
/// ```
pub trait Rollout: Resource {
    /// Returns the status of the rollout.
    fn rollout_status(&self) -> RolloutStatus;
}

/// The status of a rollout.
///
/// ```
/// use kipod::wait::RolloutStatus;
///
/// let mut status = RolloutStatus::default();
/// (status.desired, status.current, status.updated, status.available) = (3, 3, 3, 2);
/// assert!(status.available < status.desired);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RolloutStatus {
    /// Generation of the spec that the status describes.
    pub observed_generation: i64,
    /// Number of desired replicas.
    pub desired: i64,
    /// Number of replicas, with any template.
    pub current: i64,
    /// Number of replicas with the latest template.
    pub updated: i64,
    /// Number of available replicas.
    pub available: i64,
    /// The reason why the rollout cannot complete, if it has failed.
    pub failure: Option<String>,
}

/// Returns the condition that all replicas have the latest template, and the desired number is available.
/// A Deployment that has exceeded its progress deadline never meets it.
///
/// ```no_run
/// use kipod::k8s_openapi::api::apps::v1::StatefulSet;
/// use kipod::wait;
///
/// # async fn example(sets: kube::Api<StatefulSet>) -> Result<(), wait::WaitError> {
/// wait::object(&sets, "database", wait::rolled_out()).await?;
/// # Ok(())
/// # }
/// ```
pub fn rolled_out<K: Rollout>() -> Condition<K> {
    Condition::of_existing("rolled out", |object: &K| {
        state(object.rollout_status(), object.meta().generation)
    })
}

/// Returns [`rolled_out`] for a type that is known at run time only; `None` if it has no rollout.
pub(crate) fn dynamic_rolled_out(resource: &ApiResource) -> Option<Condition<DynamicObject>> {
    let rollout_status = match (resource.api_version.as_str(), resource.kind.as_str()) {
        ("apps/v1", "Deployment") => deployment,
        ("apps/v1", "StatefulSet") => stateful_set,
        ("apps/v1", "DaemonSet") => daemon_set,
        _ => return None,
    };
    Some(Condition::of_existing("rolled out", move |object: &DynamicObject| {
        state(rollout_status(&object.data), object.metadata.generation)
    }))
}

fn state(status: RolloutStatus, generation: Option<i64>) -> State {
    let RolloutStatus { desired, current, updated, available, .. } = status;
    if status.observed_generation < generation.unwrap_or(0) {
        return State::NotYet("the latest spec is not observed yet".to_owned());
    }
    if let Some(reason) = status.failure {
        return State::Never(reason);
    }
    if updated >= desired && current <= updated && available >= desired {
        return State::Met;
    }
    let mut text = format!("{updated} of {desired} replicas updated, {available} available");
    if current > updated {
        text.push_str(&format!(", {} old remaining", current - updated));
    }
    State::NotYet(text)
}

// `#[inline]`, because converting such a type to JSON takes about a second to compile: a crate that does
// not wait for it should not pay for it.
impl Rollout for Deployment {
    #[inline]
    fn rollout_status(&self) -> RolloutStatus {
        deployment(&to_json(self))
    }
}

impl Rollout for StatefulSet {
    #[inline]
    fn rollout_status(&self) -> RolloutStatus {
        stateful_set(&to_json(self))
    }
}

impl Rollout for DaemonSet {
    #[inline]
    fn rollout_status(&self) -> RolloutStatus {
        daemon_set(&to_json(self))
    }
}

fn deployment(object: &Value) -> RolloutStatus {
    let status = &object["status"];
    let exceeded = list(&status["conditions"])
        .iter()
        .find(|one| one["type"] == "Progressing" && one["reason"] == "ProgressDeadlineExceeded");
    let failure = exceeded.map(|condition| {
        text(&condition["message"]).unwrap_or("progress deadline exceeded").to_owned()
    });
    RolloutStatus {
        observed_generation: int(&status["observedGeneration"], 0),
        desired: int(&object["spec"]["replicas"], 1),
        current: int(&status["replicas"], 0),
        updated: int(&status["updatedReplicas"], 0),
        available: int(&status["availableReplicas"], 0),
        failure,
    }
}

fn stateful_set(object: &Value) -> RolloutStatus {
    let status = &object["status"];
    let complete = status["updateRevision"] == status["currentRevision"];
    let current = int(&status["replicas"], 0);
    RolloutStatus {
        observed_generation: int(&status["observedGeneration"], 0),
        desired: int(&object["spec"]["replicas"], 1),
        current,
        // The number of updated replicas may be omitted if there is nothing to update.
        updated: if complete { current } else { int(&status["updatedReplicas"], 0) },
        available: int(&status["availableReplicas"], int(&status["readyReplicas"], 0)),
        failure: None,
    }
}

fn daemon_set(object: &Value) -> RolloutStatus {
    let status = &object["status"];
    RolloutStatus {
        observed_generation: int(&status["observedGeneration"], 0),
        desired: int(&status["desiredNumberScheduled"], 0),
        current: int(&status["currentNumberScheduled"], 0),
        updated: int(&status["updatedNumberScheduled"], 0),
        available: int(&status["numberAvailable"], 0),
        failure: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::GroupVersionKind;
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
    fn deployment_is_rolled_out_without_old_replicas() {
        let status = |observed: i64, replicas: i32, updated: i32, available: i32| {
            json!({"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated,
                "availableReplicas": available})
        };
        assert_eq!(deployment(status(2, 3, 3, 3)), State::Met);
        assert_eq!(deployment(status(1, 3, 3, 3)), not_yet("the latest spec is not observed yet"));
        let text = "3 of 3 replicas updated, 3 available, 1 old remaining";
        assert_eq!(deployment(status(2, 4, 3, 3)), not_yet(text));
        assert_eq!(deployment(status(2, 1, 1, 0)), not_yet("1 of 3 replicas updated, 0 available"));
        let late = json!({"observedGeneration": 2, "conditions": [{"type": "Progressing",
            "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too late"}]});
        assert_eq!(deployment(late), State::Never("too late".to_owned()));
    }

    #[test]
    fn stateful_and_daemon_sets_use_their_own_fields() {
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
        assert_eq!(rolled_out().check(Some(&set)), not_yet("1 of 1 replicas updated, 0 available"));
    }

    #[test]
    fn dynamic_rolled_out_is_the_condition_of_the_type() {
        let check = |group: &str, kind: &str, status: Value| {
            let gvk = GroupVersionKind::gvk(group, "v1", kind);
            let object =
                json!({"metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": status});
            let condition = dynamic_rolled_out(&ApiResource::from_gvk(&gvk))?;
            Some(condition.check(Some(&from_value(object).unwrap())))
        };
        let status = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2,
            "availableReplicas": 1, "desiredNumberScheduled": 3});
        let available = not_yet("2 of 2 replicas updated, 1 available");
        assert_eq!(check("apps", "Deployment", status.clone()), Some(available));
        let scheduled = not_yet("0 of 3 replicas updated, 0 available");
        assert_eq!(check("apps", "DaemonSet", status.clone()), Some(scheduled));
        assert_eq!(
            check("apps", "StatefulSet", json!({})),
            Some(not_yet("the latest spec is not observed yet"))
        );
        assert_eq!(check("example.com", "Deployment", status.clone()), None);
        assert_eq!(check("apps", "ReplicaSet", status), None);
    }
}
