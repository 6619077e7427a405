//! Summaries of objects that are not as they should be, one line each.

use serde_json::Value;

use crate::json::{int, list, text};
use crate::pod_status::describe_container;

/// Maximum number of lines per kind. The report contains the rest.
const MAX_LINES: usize = 8;

/// Describes the pods that are not ready.
pub(super) fn pods(pods: &[Value]) -> Vec<String> {
    truncate(pods.iter().filter_map(pod).collect())
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
    let mut reasons: Vec<String> =
        init.iter().chain(containers).filter_map(describe_container).collect();
    if reasons.is_empty() {
        reasons.extend(conditions.iter().filter(|one| one["status"] != "True").filter_map(|one| {
            let message = text(&one["message"]).unwrap_or("no message");
            Some(format!("{}: {message}", text(&one["reason"])?))
        }));
    }
    reasons.dedup();
    let reasons =
        if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
    let deleted = match text(&pod["metadata"]["deletionTimestamp"]) {
        Some(_) => ", being deleted",
        None => "",
    };
    Some(format!("pod {} is not ready ({phase}{deleted}){reasons}", name(pod)))
}

/// Describes the Deployments with fewer available replicas than desired.
pub(super) fn deployments(deployments: &[Value]) -> Vec<String> {
    let line = |deployment: &Value| {
        let desired = int(&deployment["spec"]["replicas"], 1);
        let available = int(&deployment["status"]["availableReplicas"], 0);
        (available < desired).then(|| {
            format!("deployment {}: {available} of {desired} replicas available", name(deployment))
        })
    };
    truncate(deployments.iter().filter_map(line).collect())
}

/// Describes the latest warning events, without duplicates.
pub(super) fn warnings(events: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for warning in events.iter().filter(|event| event["type"] == "Warning").rev() {
        let line = event(warning);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    truncate(lines)
}

/// Describes an event without its time.
pub(super) fn event(event: &Value) -> String {
    let object = &event["involvedObject"];
    format!(
        "{} {}: {}: {}",
        text(&object["kind"]).unwrap_or("?").to_lowercase(),
        text(&object["name"]).unwrap_or("?"),
        text(&event["reason"]).unwrap_or("?"),
        text(&event["message"]).unwrap_or("").trim()
    )
}

/// Returns the time of the last occurrence of an event, in RFC 3339 and UTC. It sorts as text.
pub(super) fn event_time(event: &Value) -> String {
    let last = text(&event["series"]["lastObservedTime"]).or(text(&event["lastTimestamp"]));
    last.or(text(&event["eventTime"])).unwrap_or_default().to_owned()
}

/// Describes the conditions of a node that indicate a problem: `Ready` must be `True`, all others
/// must not.
pub(super) fn node(node: &Value) -> Vec<String> {
    let is_bad = |one: &&Value| (one["status"] == "True") != (one["type"] == "Ready");
    let conditions = list(&node["status"]["conditions"]).iter().filter(is_bad);
    let line = |one: &Value| {
        let message = text(&one["message"]).unwrap_or("no message");
        let field = |key: &str| text(&one[key]).unwrap_or("?").to_owned();
        format!("node {}: {}={}: {message}", name(node), field("type"), field("status"))
    };
    conditions.map(line).collect()
}

fn truncate(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MAX_LINES);
    if more > 0 {
        lines.truncate(MAX_LINES);
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
    fn pods_describes_why_a_pod_is_not_ready() {
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
    fn warnings_are_unique_sorted_and_limited() {
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
        assert_eq!(warnings(&many).len(), MAX_LINES + 1);
        assert_eq!(warnings(&many)[MAX_LINES], "... and 12 more");
    }

    #[test]
    fn node_describes_bad_conditions() {
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
