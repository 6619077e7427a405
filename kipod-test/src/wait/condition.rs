//! What can be waited for.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;

use crate::diagnose::container;
use crate::view::{int, list, text, view};

/// How far something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is so.
    Met,
    /// It is not so yet; the text says how far it is.
    NotYet(String),
    /// It can never be so any more; the text says why.
    Never(String),
}

type Check<K> = Box<dyn Fn(Option<&K>) -> State + Send + Sync>;

/// A condition of one object: what it is called, and how far an object is.
pub struct Condition<K> {
    what: String,
    check: Check<K>,
}

impl<K> Condition<K> {
    /// A condition of your own. `what` is what is waited for, as `rolled out`; `check` is given
    /// `None` while there is no object.
    ///
    /// ```
    /// use kipod::k8s_openapi::api::core::v1::ConfigMap;
    /// use kipod::wait::{Condition, State};
    ///
    /// let has_data: Condition<ConfigMap> = Condition::new("has data", |map: Option<&ConfigMap>| match map {
    ///     Some(map) if map.data.is_some() => State::Met,
    ///     Some(_) => State::NotYet("it has no data".to_owned()),
    ///     None => State::NotYet("there is none".to_owned()),
    /// });
    /// # assert_eq!(has_data.check(None), State::NotYet("there is none".to_owned()));
    /// ```
    pub fn new(
        what: impl Into<String>,
        check: impl Fn(Option<&K>) -> State + Send + Sync + 'static,
    ) -> Self {
        Self { what: what.into(), check: Box::new(check) }
    }

    /// What is waited for.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// How far an object is.
    pub fn check(&self, object: Option<&K>) -> State {
        (self.check)(object)
    }

    /// A condition of an object that has to be there.
    pub(super) fn of(
        what: impl Into<String>,
        check: impl Fn(&K) -> State + Send + Sync + 'static,
    ) -> Self {
        Self::new(what, move |object| match object {
            Some(object) => check(object),
            None => State::NotYet("there is none".to_owned()),
        })
    }
}

fn when(met: bool, how_far: impl FnOnce() -> String) -> State {
    if met { State::Met } else { State::NotYet(how_far()) }
}

/// The object is there.
pub fn exists<K>() -> Condition<K> {
    Condition::of("exists", |_| State::Met)
}

/// The object is not there, or not any more.
pub fn gone<K: kube::Resource>() -> Condition<K> {
    Condition::new("gone", |object: Option<&K>| match object {
        None => State::Met,
        Some(object) => {
            let meta = object.meta();
            let finalizers = meta.finalizers.clone().unwrap_or_default();
            State::NotYet(match meta.deletion_timestamp {
                None => "nobody has deleted it".to_owned(),
                Some(_) if finalizers.is_empty() => "it is being deleted".to_owned(),
                Some(_) => {
                    format!("it is being deleted, and has finalizers {}", finalizers.join(", "))
                }
            })
        }
    })
}

/// Every container of the pod runs and is ready. A pod that has ended never will be.
pub fn pod_ready() -> Condition<Pod> {
    Condition::of("ready", |pod: &Pod| {
        let pod = view(pod);
        let status = &pod["status"];
        let phase = text(&status["phase"]).unwrap_or("Unknown");
        let conditions = list(&status["conditions"]);
        if conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True") {
            return State::Met;
        }
        let containers = list(&status["containerStatuses"]);
        let init = list(&status["initContainerStatuses"]);
        let mut why: Vec<String> = init.iter().chain(containers).filter_map(container).collect();
        if why.is_empty() {
            let bad = conditions.iter().filter(|one| one["status"] != "True");
            why.extend(bad.filter_map(|one| text(&one["message"])).map(str::to_owned));
            why.dedup();
        }
        let words = [vec![format!("it is {phase}")], why].concat().join("; ");
        match phase {
            "Succeeded" | "Failed" => State::Never(words),
            _ => State::NotYet(words),
        }
    })
}

/// The Job is complete. A Job that has failed never will be.
pub fn job_done() -> Condition<Job> {
    Condition::of("done", |job: &Job| {
        let job = view(job);
        let status = &job["status"];
        let is = |kind: &str| {
            let conditions = list(&status["conditions"]).iter();
            conditions.into_iter().find(|one| one["type"] == kind && one["status"] == "True")
        };
        if is("Complete").is_some() {
            return State::Met;
        }
        if let Some(failed) = is("Failed") {
            let why = text(&failed["message"]).or(text(&failed["reason"]));
            return State::Never(format!("it has failed: {}", why.unwrap_or("no reason given")));
        }
        State::NotYet(format!(
            "{} of {} pods have succeeded, {} have failed, {} run",
            int(&status["succeeded"], 0),
            int(&job["spec"]["completions"], 1),
            int(&status["failed"], 0),
            int(&status["active"], 0)
        ))
    })
}

/// The API server serves the kind. Objects of it can be created from then on.
pub fn crd_established() -> Condition<CustomResourceDefinition> {
    Condition::of("established", |crd: &CustomResourceDefinition| {
        let crd = view(crd);
        let is = |kind: &str, status: &str| {
            let conditions = list(&crd["status"]["conditions"]).iter();
            conditions.into_iter().find(|one| one["type"] == kind && one["status"] == status)
        };
        if let Some(refused) = is("NamesAccepted", "False") {
            let message = text(&refused["message"]).unwrap_or("no message");
            return State::Never(format!("its names are not accepted: {message}"));
        }
        when(is("Established", "True").is_some(), || "it is not established".to_owned())
    })
}

/// The condition `kind` in the object's status is `True`: `Available`, `Synced`, or whatever a
/// controller of your own sets. It works for every kind of object with the usual list
/// `status.conditions`, and for one whose status is older than its spec it does not hold.
pub fn condition_true<K: Serialize>(kind: &str) -> Condition<K> {
    let wanted = kind.to_owned();
    Condition::of(format!("{kind}=True"), move |object: &K| {
        let object = view(object);
        let generation = object["metadata"]["generation"].as_i64();
        let conditions = list(&object["status"]["conditions"]);
        let Some(found) = conditions.iter().find(|one| one["type"] == wanted.as_str()) else {
            let present: Vec<&str> =
                conditions.iter().filter_map(|one| one["type"].as_str()).collect();
            return State::NotYet(match present.as_slice() {
                [] => "it has no conditions".to_owned(),
                present => format!("it has no such condition, only {}", present.join(", ")),
            });
        };
        let observed = found["observedGeneration"]
            .as_i64()
            .or_else(|| object["status"]["observedGeneration"].as_i64());
        if observed.zip(generation).is_some_and(|(observed, generation)| observed < generation) {
            return State::NotYet("its status is older than its spec".to_owned());
        }
        when(found["status"] == "True", || {
            let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
            let words = [text("reason"), text("message")].join(": ");
            format!("it is {}: {}", text("status"), words.trim_matches([':', ' ']))
        })
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
    fn a_pod_that_ended_is_never_ready() {
        let pod =
            |status: serde_json::Value| -> Pod { from_value(json!({"status": status})).unwrap() };
        let check = |status| pod_ready().check(Some(&pod(status)));
        assert_eq!(pod_ready().check(None), not_yet("there is none"));
        let ready =
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!(check(ready), State::Met);
        let unscheduled = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]});
        assert_eq!(check(unscheduled), not_yet("it is Pending; 0/1 nodes are available"));
        let failed = json!({"phase": "Failed", "containerStatuses": [{"name": "app", "image": "",
            "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]});
        let text = "it is Failed; container app: Error, exit code 2";
        assert_eq!(check(failed), State::Never(text.to_owned()));
    }

    #[test]
    fn a_job_ends_one_way_or_the_other() {
        let job = |kind: &str| -> Job {
            from_value(
                json!({"spec": {"completions": 3, "template": {}}, "status": {"succeeded": 1,
                "active": 1, "conditions": [{"type": kind, "status": "True", "message": "m"}]}}),
            )
            .unwrap()
        };
        assert_eq!(job_done().check(Some(&job("Complete"))), State::Met);
        assert_eq!(
            job_done().check(Some(&job("Failed"))),
            State::Never("it has failed: m".to_owned())
        );
        let how_far = "1 of 3 pods have succeeded, 0 have failed, 1 run";
        assert_eq!(job_done().check(Some(&job("Suspended"))), not_yet(how_far));
    }

    #[test]
    fn conditions_of_any_kind_and_only_of_the_newest_spec() {
        let object = |generation: i64, conditions: serde_json::Value| {
            json!({"metadata": {"generation": generation},
                "status": {"observedGeneration": 1, "conditions": conditions}})
        };
        let check = |object: serde_json::Value| condition_true("Synced").check(Some(&object));
        let synced = |status: &str| json!([{"type": "Synced", "status": status, "reason": "Busy", "message": "wait"}]);
        assert_eq!(check(object(1, synced("True"))), State::Met);
        assert_eq!(check(object(2, synced("True"))), not_yet("its status is older than its spec"));
        assert_eq!(check(object(1, synced("False"))), not_yet("it is False: Busy: wait"));
        assert_eq!(
            check(object(1, json!([{"type": "Ready", "status": "True"}]))),
            not_yet("it has no such condition, only Ready")
        );
        assert_eq!(check(json!({})), not_yet("it has no conditions"));
    }

    #[test]
    fn what_holds_it_up_is_said_of_what_does_not_go() {
        let map = |meta: serde_json::Value| -> ConfigMap {
            from_value(json!({"metadata": meta})).unwrap()
        };
        assert_eq!(gone::<ConfigMap>().check(None), State::Met);
        let check = |meta| gone().check(Some(&map(meta)));
        assert_eq!(check(json!({})), not_yet("nobody has deleted it"));
        let stuck = json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]});
        assert_eq!(check(stuck), not_yet("it is being deleted, and has finalizers a/b"));
    }

    #[test]
    fn a_crd_whose_names_are_taken_never_comes() {
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
            not_yet("it is not established")
        );
        let refused = crd_established().check(Some(&crd("NamesAccepted", "False")));
        assert!(matches!(refused, State::Never(_)), "{refused:?}");
    }
}
