//! Descriptions of container statuses.

use serde_json::Value;

use crate::json::{int, text};

/// Describes why a container is not ready. Returns `None` for a ready container, and for an init
/// container that has completed.
pub(crate) fn describe_container(status: &Value) -> Option<String> {
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
    if let Some(terminated) = state.get("terminated") {
        let code = int(&terminated["exitCode"], 0);
        let reason = text(&terminated["reason"]).unwrap_or("terminated");
        return (code != 0)
            .then(|| format!("container {name}: {reason}, exit code {code}{restarts}"));
    }
    (status["ready"] != true)
        .then(|| format!("container {name} is running, but not ready{restarts}"))
}
