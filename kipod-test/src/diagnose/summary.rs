//! What is not as it should be, in a few lines.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};

/// How many lines of each kind are shown; all of it is in the folder.
const MOST: usize = 8;

/// What is not ready among the pods, and why.
pub(super) fn pods(pods: &[Pod]) -> Vec<String> {
    capped(pods.iter().filter_map(pod).collect())
}

fn pod(pod: &Pod) -> Option<String> {
    let name = pod.metadata.name.as_deref().unwrap_or("?");
    let Some(status) = &pod.status else { return Some(format!("pod {name}: no status yet")) };
    let phase = status.phase.as_deref().unwrap_or("Unknown");
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let ready = conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True");
    if ready || phase == "Succeeded" {
        return None;
    }
    let all = |list: &Option<Vec<ContainerStatus>>| list.clone().unwrap_or_default();
    let mut why: Vec<String> = all(&status.init_container_statuses)
        .iter()
        .chain(&all(&status.container_statuses))
        .filter_map(container)
        .collect();
    if why.is_empty() {
        why.extend(conditions.iter().filter(|one| one.status != "True").filter_map(|one| {
            let reason = one.reason.as_deref()?;
            Some(format!("{}: {}", reason, one.message.as_deref().unwrap_or("no message")))
        }));
    }
    why.dedup();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
    let leaves = if pod.metadata.deletion_timestamp.is_some() { ", being deleted" } else { "" };
    Some(format!("pod {name} is not ready ({phase}{leaves}){why}"))
}

/// Why a container is not ready.
pub(crate) fn container(status: &ContainerStatus) -> Option<String> {
    let state = status.state.as_ref()?;
    let name = &status.name;
    let restarts = match status.restart_count {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        n => format!(", restarted {n} times"),
    };
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or("waiting");
        let message = waiting.message.as_deref().map(|text| format!(": {text}"));
        return Some(format!(
            "container {name}: {reason}{}{restarts}",
            message.unwrap_or_default()
        ));
    }
    if let Some(ended) = &state.terminated {
        // An init container that has done its work.
        if ended.exit_code == 0 {
            return None;
        }
        let reason = ended.reason.as_deref().unwrap_or("ended");
        return Some(format!(
            "container {name}: {reason}, exit code {}{restarts}",
            ended.exit_code
        ));
    }
    (!status.ready).then(|| format!("container {name} runs, but is not ready{restarts}"))
}

/// Which Deployments have fewer available replicas than they want.
pub(super) fn deployments(deployments: &[Deployment]) -> Vec<String> {
    let line = |deployment: &Deployment| {
        let name = deployment.metadata.name.as_deref()?;
        let wanted = deployment.spec.replicas.unwrap_or(1);
        let status = deployment.status.clone().unwrap_or_default();
        let available = status.available_replicas.unwrap_or(0);
        (available < wanted)
            .then(|| format!("deployment {name}: {available} of {wanted} replicas are available"))
    };
    capped(deployments.iter().filter_map(line).collect())
}

/// The newest warnings, each once.
pub(super) fn warnings(events: &[Event]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for event in events.iter().filter(|event| event.type_.as_deref() == Some("Warning")).rev() {
        let line = event_line(event);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    capped(lines)
}

/// One event without its time.
pub(super) fn event_line(event: &Event) -> String {
    let object = &event.involved_object;
    format!(
        "{} {}: {}: {}",
        object.kind.as_deref().unwrap_or("?").to_lowercase(),
        object.name.as_deref().unwrap_or("?"),
        event.reason.as_deref().unwrap_or("?"),
        event.message.as_deref().unwrap_or("").trim()
    )
}

fn capped(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST);
    if more > 0 {
        lines.truncate(MOST);
        lines.push(format!("... and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn pod(status: serde_json::Value) -> Pod {
        from_value(json!({"metadata": {"name": "web"}, "status": status})).unwrap()
    }

    #[test]
    fn a_pod_says_why_it_is_not_ready() {
        let waiting = |reason: &str, message: Option<&str>, restarts: i32| {
            pod(json!({"phase": "Pending", "containerStatuses": [{
                "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": restarts,
                "state": {"waiting": {"reason": reason, "message": message}}}]}))
        };
        let cases = [
            (
                waiting("ImagePullBackOff", Some("Back-off pulling image \"x\""), 0),
                "pod web is not ready (Pending): container app: ImagePullBackOff: Back-off pulling image \"x\"",
            ),
            (
                waiting("CrashLoopBackOff", None, 3),
                "pod web is not ready (Pending): container app: CrashLoopBackOff, restarted 3 times",
            ),
            (
                pod(json!({"phase": "Pending", "conditions": [{"type": "PodScheduled",
                    "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]})),
                "pod web is not ready (Pending): Unschedulable: 0/1 nodes",
            ),
            (
                pod(json!({"phase": "Failed", "containerStatuses": [{"name": "app", "image": "",
                    "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}]})),
                "pod web is not ready (Failed): container app: Error, exit code 3",
            ),
        ];
        for (pod, expected) in cases {
            assert_eq!(pods(&[pod]), [expected]);
        }
        let ready =
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        assert!(pods(&[pod(ready), pod(json!({"phase": "Succeeded"}))]).is_empty());
    }

    #[test]
    fn warnings_come_once_newest_first_and_not_too_many() {
        let event = |kind: &str, reason: &str| -> Event {
            from_value(json!({"metadata": {}, "type": kind, "reason": reason, "message": "m",
                "involvedObject": {"kind": "Pod", "name": "web"}}))
            .unwrap()
        };
        let events = [
            event("Warning", "A"),
            event("Normal", "N"),
            event("Warning", "B"),
            event("Warning", "A"),
        ];
        assert_eq!(warnings(&events), ["pod web: A: m", "pod web: B: m"]);
        let many: Vec<Event> = (0..20).map(|n| event("Warning", &n.to_string())).collect();
        assert_eq!(warnings(&many).len(), MOST + 1);
        assert_eq!(warnings(&many)[MOST], "... and 12 more");
    }
}
