//! Conditions of objects.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::DynamicObject;
use serde::Serialize;
use serde_json::Value;

use crate::json::{int, list, text, to_json};
use crate::pod_status::describe_container;

/// The state of a condition.
///
/// ```
/// use kipod::k8s_openapi::api::core::v1::ConfigMap;
/// use kipod::wait::{self, State};
///
/// let exists = wait::exists::<ConfigMap>();
/// assert_eq!(exists.check(Some(&ConfigMap::default())), State::Met);
/// assert_eq!(exists.check(None), State::NotYet("not found".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The condition is met.
    Met,
    /// The condition is not met yet, with a description of the current state.
    NotYet(String),
    /// The condition can no longer be met, with the reason. It ends a wait early.
    Never(String),
}

type Check<K> = Box<dyn Fn(Option<&K>) -> State + Send + Sync>;

/// A condition of one object.
///
/// ```
/// use kipod::k8s_openapi::api::core::v1::ConfigMap;
/// use kipod::wait::{Condition, State};
///
/// fn has_data() -> Condition<ConfigMap> {
///     Condition::new("has data", |map: Option<&ConfigMap>| match map {
///         Some(map) if map.data.is_some() => State::Met,
///         Some(_) => State::NotYet("no data".to_owned()),
///         None => State::NotYet("not found".to_owned()),
///     })
/// }
/// assert_eq!(has_data().check(None), State::NotYet("not found".to_owned()));
/// ```
pub struct Condition<K> {
    what: String,
    check: Check<K>,
}

impl<K> Condition<K> {
    /// Creates a condition. `what` is its description, as `rolled out`; `check` returns its state for
    /// an object, or for `None` while the object does not exist.
    pub fn new(
        what: impl Into<String>,
        check: impl Fn(Option<&K>) -> State + Send + Sync + 'static,
    ) -> Self {
        Self { what: what.into(), check: Box::new(check) }
    }

    /// Returns the description.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Returns the state of the condition for an object.
    pub fn check(&self, object: Option<&K>) -> State {
        (self.check)(object)
    }

    /// Creates a condition that requires the object to exist.
    pub(super) fn of_existing(
        what: impl Into<String>,
        check: impl Fn(&K) -> State + Send + Sync + 'static,
    ) -> Self {
        Self::new(what, move |object| match object {
            Some(object) => check(object),
            None => State::NotYet("not found".to_owned()),
        })
    }
}

/// Returns the entry of a status's `conditions` with this type and status.
fn find_condition<'a>(object_status: &'a Value, kind: &str, status: &str) -> Option<&'a Value> {
    let mut conditions = list(&object_status["conditions"]).iter();
    conditions.find(|one| one["type"] == kind && one["status"] == status)
}

/// Returns the condition that the object exists.
///
/// ```no_run
/// use kipod::k8s_openapi::api::core::v1::ConfigMap;
/// use kipod::wait;
///
/// # async fn example(maps: kube::Api<ConfigMap>) -> Result<(), wait::WaitError> {
/// let map = wait::object(&maps, "settings", wait::exists()).await?.unwrap();
/// println!("{:?}", map.data);
/// # Ok(())
/// # }
/// ```
pub fn exists<K>() -> Condition<K> {
    Condition::of_existing("exists", |_| State::Met)
}

/// Returns the condition that the object does not exist, or no longer exists.
///
/// ```no_run
/// use kipod::k8s_openapi::api::core::v1::Pod;
/// use kipod::wait;
///
/// # async fn example(pods: kube::Api<Pod>) -> anyhow::Result<()> {
/// pods.delete("web", &Default::default()).await?;
/// wait::object(&pods, "web", wait::gone()).await?;
/// # Ok(())
/// # }
/// ```
pub fn gone<K: kube::Resource>() -> Condition<K> {
    Condition::new("gone", |object: Option<&K>| match object {
        None => State::Met,
        Some(object) => {
            let meta = object.meta();
            let finalizers = meta.finalizers.clone().unwrap_or_default();
            State::NotYet(match meta.deletion_timestamp {
                None => "not deleted".to_owned(),
                Some(_) if finalizers.is_empty() => "being deleted".to_owned(),
                Some(_) => format!("being deleted, with finalizers {}", finalizers.join(", ")),
            })
        }
    })
}

/// Returns the condition that all containers of the pod are ready. A pod that has completed or failed
/// never becomes ready.
///
/// ```no_run
/// use kipod::k8s_openapi::api::core::v1::Pod;
/// use kipod::wait;
///
/// # async fn example(pods: kube::Api<Pod>) -> Result<(), wait::WaitError> {
/// wait::object(&pods, "web", wait::pod_ready()).await?;
/// # Ok(())
/// # }
/// ```
#[inline] // As the implementations of `Rollout`.
pub fn pod_ready() -> Condition<Pod> {
    Condition::of_existing("ready", |pod: &Pod| pod_state(&to_json(&pod.status)))
}

fn pod_state(status: &Value) -> State {
    if find_condition(status, "Ready", "True").is_some() {
        return State::Met;
    }
    let phase = text(&status["phase"]).unwrap_or("Unknown");
    let containers = list(&status["containerStatuses"]);
    let init = list(&status["initContainerStatuses"]);
    let mut reasons: Vec<String> =
        init.iter().chain(containers).filter_map(describe_container).collect();
    if reasons.is_empty() {
        let unmet = list(&status["conditions"]).iter().filter(|one| one["status"] != "True");
        reasons.extend(unmet.filter_map(|one| text(&one["message"])).map(str::to_owned));
        reasons.dedup();
    }
    let description = [vec![format!("phase {phase}")], reasons].concat().join("; ");
    match phase {
        "Succeeded" | "Failed" => State::Never(description),
        _ => State::NotYet(description),
    }
}

/// Returns the condition that the Job is complete. A Job that has failed never completes.
///
/// ```
/// use kipod::k8s_openapi::api::batch::v1::Job;
/// use kipod::wait::{self, State};
///
/// let pending = State::NotYet("0 of 1 pods succeeded, 0 failed, 0 active".to_owned());
/// assert_eq!(wait::job_done().check(Some(&Job::default())), pending);
/// ```
#[inline] // As the implementations of `Rollout`.
pub fn job_done() -> Condition<Job> {
    Condition::of_existing("done", |job: &Job| job_state(&to_json(job)))
}

fn job_state(job: &Value) -> State {
    let status = &job["status"];
    if find_condition(status, "Complete", "True").is_some() {
        return State::Met;
    }
    if let Some(failed) = find_condition(status, "Failed", "True") {
        let reason = text(&failed["message"]).or(text(&failed["reason"]));
        return State::Never(format!("failed: {}", reason.unwrap_or("no reason given")));
    }
    State::NotYet(format!(
        "{} of {} pods succeeded, {} failed, {} active",
        int(&status["succeeded"], 0),
        int(&job["spec"]["completions"], 1),
        int(&status["failed"], 0),
        int(&status["active"], 0)
    ))
}

/// Returns the condition that the API server serves the custom resource, so that objects of it can be
/// created.
///
/// ```no_run
/// use kipod::k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
/// use kipod::wait;
///
/// # async fn example(crds: kube::Api<CustomResourceDefinition>) -> Result<(), wait::WaitError> {
/// wait::object(&crds, "widgets.example.com", wait::crd_established()).await?;
/// # Ok(())
/// # }
/// ```
#[inline] // As the implementations of `Rollout`.
pub fn crd_established() -> Condition<CustomResourceDefinition> {
    Condition::of_existing("established", |crd: &CustomResourceDefinition| {
        crd_state(&to_json(&crd.status))
    })
}

/// Returns [`crd_established`] for an object of a type that is known at run time only.
pub(crate) fn dynamic_crd_established() -> Condition<DynamicObject> {
    Condition::of_existing("established", |crd: &DynamicObject| crd_state(&crd.data["status"]))
}

fn crd_state(status: &Value) -> State {
    if let Some(refused) = find_condition(status, "NamesAccepted", "False") {
        let message = text(&refused["message"]).unwrap_or("no message");
        return State::Never(format!("names not accepted: {message}"));
    }
    match find_condition(status, "Established", "True") {
        Some(_) => State::Met,
        None => State::NotYet("not established".to_owned()),
    }
}

/// Returns the condition that the entry `kind` of `status.conditions` is `True`. `kind` is a type such as
/// `Available`, or one that your own controller sets. It is not met while the status is older than the
/// spec (`observedGeneration` < `metadata.generation`).
///
/// ```no_run
/// use kipod::k8s_openapi::api::apps::v1::Deployment;
/// use kipod::wait;
///
/// # async fn example(deployments: kube::Api<Deployment>) -> Result<(), wait::WaitError> {
/// wait::object(&deployments, "web", wait::condition_true("Available")).await?;
/// # Ok(())
/// # }
/// ```
pub fn condition_true<K: Serialize>(kind: &str) -> Condition<K> {
    let kind = kind.to_owned();
    Condition::of_existing(format!("{kind}=True"), move |object: &K| {
        let object = to_json(object);
        let conditions = list(&object["status"]["conditions"]);
        let Some(found) = conditions.iter().find(|one| one["type"] == kind.as_str()) else {
            let types: Vec<&str> =
                conditions.iter().filter_map(|one| one["type"].as_str()).collect();
            return State::NotYet(match types.as_slice() {
                [] => "no conditions".to_owned(),
                types => format!("no such condition, only {}", types.join(", ")),
            });
        };
        let generation = object["metadata"]["generation"].as_i64();
        let observed = found["observedGeneration"]
            .as_i64()
            .or_else(|| object["status"]["observedGeneration"].as_i64());
        if observed.zip(generation).is_some_and(|(observed, generation)| observed < generation) {
            return State::NotYet("the status is older than the spec".to_owned());
        }
        if found["status"] == "True" {
            return State::Met;
        }
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        let reason = [text("reason"), text("message")].join(": ");
        State::NotYet(format!("{}: {}", text("status"), reason.trim_matches([':', ' '])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::{from_value, json};

    fn not_yet(text: &str) -> State {
        State::NotYet(text.to_owned())
    }

    #[test]
    fn pod_ready_fails_when_the_pod_has_ended() {
        let pod =
            |status: serde_json::Value| -> Pod { from_value(json!({"status": status})).unwrap() };
        let check = |status| pod_ready().check(Some(&pod(status)));
        assert_eq!(pod_ready().check(None), not_yet("not found"));
        let ready =
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!(check(ready), State::Met);
        let unscheduled = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]});
        assert_eq!(check(unscheduled), not_yet("phase Pending; 0/1 nodes are available"));
        let failed = json!({"phase": "Failed", "containerStatuses": [{"name": "app", "image": "",
            "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]});
        let text = "phase Failed; container app: Error, exit code 2";
        assert_eq!(check(failed), State::Never(text.to_owned()));
    }

    #[test]
    fn job_done_reports_failure_and_progress() {
        let job = |kind: &str| -> Job {
            from_value(
                json!({"spec": {"completions": 3, "template": {}}, "status": {"succeeded": 1,
                "active": 1, "conditions": [{"type": kind, "status": "True", "message": "m"}]}}),
            )
            .unwrap()
        };
        assert_eq!(job_done().check(Some(&job("Complete"))), State::Met);
        assert_eq!(job_done().check(Some(&job("Failed"))), State::Never("failed: m".to_owned()));
        let progress = "1 of 3 pods succeeded, 0 failed, 1 active";
        assert_eq!(job_done().check(Some(&job("Suspended"))), not_yet(progress));
    }

    #[test]
    fn condition_true_requires_the_latest_generation() {
        let object = |generation: i64, conditions: serde_json::Value| {
            json!({"metadata": {"generation": generation},
                "status": {"observedGeneration": 1, "conditions": conditions}})
        };
        let check = |object: serde_json::Value| condition_true("Synced").check(Some(&object));
        let synced = |status: &str| json!([{"type": "Synced", "status": status, "reason": "Busy", "message": "wait"}]);
        assert_eq!(check(object(1, synced("True"))), State::Met);
        assert_eq!(check(object(2, synced("True"))), not_yet("the status is older than the spec"));
        assert_eq!(check(object(1, synced("False"))), not_yet("False: Busy: wait"));
        assert_eq!(
            check(object(1, json!([{"type": "Ready", "status": "True"}]))),
            not_yet("no such condition, only Ready")
        );
        assert_eq!(check(json!({})), not_yet("no conditions"));
    }

    #[test]
    fn gone_reports_finalizers() {
        let map = |meta: serde_json::Value| -> ConfigMap {
            from_value(json!({"metadata": meta})).unwrap()
        };
        assert_eq!(gone::<ConfigMap>().check(None), State::Met);
        let check = |meta| gone().check(Some(&map(meta)));
        assert_eq!(check(json!({})), not_yet("not deleted"));
        let stuck = json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]});
        assert_eq!(check(stuck), not_yet("being deleted, with finalizers a/b"));
    }

    #[test]
    fn crd_established_fails_when_names_are_refused() {
        let crd = |kind: &str, status: &str| -> CustomResourceDefinition {
            from_value(
                json!({"spec": {"group": "", "names": {"kind": "", "plural": ""}, "scope": "",
                "versions": []}, "status": {"conditions": [{"type": kind, "status": status}]}}),
            )
            .unwrap()
        };
        assert_eq!(crd_established().check(Some(&crd("Established", "True"))), State::Met);
        assert_eq!(
            crd_established().check(Some(&crd("NamesAccepted", "True"))),
            not_yet("not established")
        );
        let refused = crd_established().check(Some(&crd("NamesAccepted", "False")));
        assert!(matches!(refused, State::Never(_)), "{refused:?}");
        let dynamic = |kind: &str, status: &str| {
            let object = serde_json::to_value(crd(kind, status)).unwrap();
            dynamic_crd_established().check(Some(&from_value(object).unwrap()))
        };
        assert_eq!(dynamic("Established", "True"), State::Met);
        assert_eq!(dynamic("NamesAccepted", "False"), refused);
    }
}
