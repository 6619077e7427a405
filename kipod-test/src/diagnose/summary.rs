//! What is not as it should be, in a few lines.

use serde_json::Value;

use crate::view::{int, list, text};

/// How many lines of each kind are shown; all of it is in the folder.
const MOST: usize = 8;

/// What is not ready among the pods, and why.
pub(super) fn pods(pods: &[Value]) -> Vec<String> {
    capped(pods.iter().filter_map(pod).collect())
}

fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"]).unwrap_or("?")
}

fn pod(pod: &Value) -> Option<String> {
    let status = &pod["status"];
    let phase = text(&status["phase"]).unwrap_or("Unknown");
    let conditions = list(&status["conditions"]);
    let ready = conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
    if ready || phase == "Succeeded" {
        return None;
    }
    let containers = list(&status["containerStatuses"]);
    let init = list(&status["initContainerStatuses"]);
    let mut why: Vec<String> = init.iter().chain(containers).filter_map(container).collect();
    if why.is_empty() {
        why.extend(conditions.iter().filter(|one| one["status"] != "True").filter_map(|one| {
            let message = text(&one["message"]).unwrap_or("no message");
            Some(format!("{}: {message}", text(&one["reason"])?))
        }));
    }
    why.dedup();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
    let leaves = match text(&pod["metadata"]["deletionTimestamp"]) {
        Some(_) => ", being deleted",
        None => "",
    };
    Some(format!("pod {} is not ready ({phase}{leaves}){why}", name(pod)))
}

/// Why a container is not ready, by its status.
pub(crate) fn container(status: &Value) -> Option<String> {
    let state = &status["state"];
    let name = text(&status["name"]).unwrap_or("?");
    let restarts = match int(&status["restartCount"], 0) {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        n => format!(", restarted {n} times"),
    };
    if let Some(waiting) = state.get("waiting") {
        let reason = text(&waiting["reason"]).unwrap_or("waiting");
        let message = text(&waiting["message"]).map(|text| format!(": {text}"));
        return Some(format!(
            "container {name}: {reason}{}{restarts}",
            message.unwrap_or_default()
        ));
    }
    if let Some(ended) = state.get("terminated") {
        let code = int(&ended["exitCode"], 0);
        let reason = text(&ended["reason"]).unwrap_or("ended");
        // One that ended well is an init container that has done its work.
        return (code != 0)
            .then(|| format!("container {name}: {reason}, exit code {code}{restarts}"));
    }
    (status["ready"] != true).then(|| format!("container {name} runs, but is not ready{restarts}"))
}

/// Which Deployments have fewer available replicas than they want.
pub(super) fn deployments(deployments: &[Value]) -> Vec<String> {
    let line = |deployment: &Value| {
        let wanted = int(&deployment["spec"]["replicas"], 1);
        let available = int(&deployment["status"]["availableReplicas"], 0);
        (available < wanted).then(|| {
            format!(
                "deployment {}: {available} of {wanted} replicas are available",
                name(deployment)
            )
        })
    };
    capped(deployments.iter().filter_map(line).collect())
}

/// The newest warnings, each once.
pub(super) fn warnings(events: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for event in events.iter().filter(|event| event["type"] == "Warning").rev() {
        let line = event_line(event);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    capped(lines)
}

/// One event without its time.
pub(super) fn event_line(event: &Value) -> String {
    let object = &event["involvedObject"];
    format!(
        "{} {}: {}: {}",
        text(&object["kind"]).unwrap_or("?").to_lowercase(),
        text(&object["name"]).unwrap_or("?"),
        text(&event["reason"]).unwrap_or("?"),
        text(&event["message"]).unwrap_or("").trim()
    )
}

/// When an event happened last, in RFC 3339 and UTC, which sorts as text.
pub(super) fn event_time(event: &Value) -> String {
    let last = text(&event["series"]["lastObservedTime"]).or(text(&event["lastTimestamp"]));
    last.or(text(&event["eventTime"])).unwrap_or_default().to_owned()
}

/// Which conditions of a node are not as they should be: Ready is true, and no pressure is.
pub(super) fn node(node: &Value) -> Vec<String> {
    let bad = |one: &&Value| (one["status"] == "True") != (one["type"] == "Ready");
    let conditions = list(&node["status"]["conditions"]).iter().filter(bad);
    let line = |one: &Value| {
        let message = text(&one["message"]).unwrap_or("no message");
        let word = |key: &str| text(&one[key]).unwrap_or("?").to_owned();
        format!("node {}: {}={}: {message}", name(node), word("type"), word("status"))
    };
    conditions.map(line).collect()
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
    use serde_json::json;

    fn pod(status: Value) -> Value {
        json!({"metadata": {"name": "web"}, "status": status})
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
        let event = |kind: &str, reason: &str| {
            json!({"metadata": {}, "type": kind, "reason": reason, "message": "m",
                "involvedObject": {"kind": "Pod", "name": "web"}})
        };
        let events = [
            event("Warning", "A"),
            event("Normal", "N"),
            event("Warning", "B"),
            event("Warning", "A"),
        ];
        assert_eq!(warnings(&events), ["pod web: A: m", "pod web: B: m"]);
        let many: Vec<Value> = (0..20).map(|n| event("Warning", &n.to_string())).collect();
        assert_eq!(warnings(&many).len(), MOST + 1);
        assert_eq!(warnings(&many)[MOST], "... and 12 more");
    }

    #[test]
    fn a_node_says_what_is_wrong_with_it() {
        let node_with = |kind: &str, status: &str| {
            let conditions = json!([{"type": kind, "status": status, "message": "m"}]);
            node(&json!({"metadata": {"name": "n"}, "status": {"conditions": conditions}}))
        };
        assert!(node_with("Ready", "True").is_empty());
        assert!(node_with("DiskPressure", "False").is_empty());
        assert_eq!(node_with("Ready", "Unknown"), ["node n: Ready=Unknown: m"]);
        assert_eq!(node_with("DiskPressure", "True"), ["node n: DiskPressure=True: m"]);
    }
}
