//! Failures of nodes while a cluster is waited for: a step of kubeadm fails, a component exits repeatedly, or
//! the container exits.

use std::collections::HashMap;
use std::time::Instant;

use super::CreateError;
use super::failure_log::{self, Log};
use super::log_lines::{exit_cause, is_same, is_transient, last_error, shorten};
use super::wait::Waiter;
use super::wait_target::TargetNode;
use crate::cluster::phases::{self, Exits};
use crate::podman::PodmanError;
use crate::util::text::error_chain;

/// The number of lines of each log. A Go panic is followed by the stacks of all goroutines.
const LOG_LINES: &str = "5000";
/// The systemd units whose journals may explain a failure, in the order of their start.
const UNITS: [&str; 3] = [KUBEADM, "crio", "kubelet"];
/// The unit that runs kubeadm. Its log includes that of [`PREPARE`].
const KUBEADM: &str = "kipod-node";
/// The unit that runs the first phases of kubeadm.
const PREPARE: &str = "kipod-prepare";
/// The number of lines of an exited container's output in the log of a failure.
const OUTPUT_LINES: usize = 200;
/// The number of exits with the same error after which a unit counts as failed. systemd restarts it
/// after half a second.
const UNIT_EXITS: u32 = 3;
/// The number of exits with the same error after which a container counts as failed. kubelet restarts it
/// once immediately, and then waits.
const CONTAINER_EXITS: u32 = 2;
/// Prints the logs of all instances of a container of `kube-system`, oldest first. `$0` is its name, or `*`.
pub(super) const CONTAINER_LOGS: &str = r#"for log in $(ls -v /var/log/pods/kube-system_*/$0/*.log); do echo "==> $log"; tail -n 5000 "$log"; done"#;
/// The line of systemd after the last one of an exited process.
const PROCESS_EXIT: &str = ": Main process exited, ";

impl Waiter<'_> {
    /// Returns once a node reports a failure, a component of it exits repeatedly with the same error, or
    /// its container has exited, restarted or not.
    pub(super) async fn node_failure(&self, waiting_for: &'static str) -> CreateError {
        let mut last_inspection = Instant::now();
        let mut restarts = HashMap::new();
        let mut examined = HashMap::new();
        loop {
            self.sleep().await;
            for node in &self.cluster.nodes {
                if let Some(step) = phases::failed_step(&node.status_dir) {
                    return self.failed_step(node, step).await;
                }
                for exits in self.exits(node) {
                    let key = (node.name.clone(), exits.component.clone());
                    let is_new = examined.insert(key, exits.count) != Some(exits.count);
                    if is_new
                        && exits.count >= threshold(&exits.component)
                        && let Some(error) = self.component_failure(node, &exits).await
                    {
                        return error;
                    }
                }
            }
            if last_inspection.elapsed() < self.timeouts.container_poll_interval() {
                continue;
            }
            last_inspection = Instant::now();
            if let Some(error) = self.exited_container(&mut restarts, waiting_for).await {
                return error;
            }
        }
    }

    /// Returns a line for each component that has exited, with the cause.
    pub(super) async fn exited_components(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for node in &self.cluster.nodes {
            for exits in self.exits(node) {
                let log = self.component_log(&node.name, &exits.component).await;
                let attempts = attempts(&exits, &log.unwrap_or_default());
                let cause = attempts.last().and_then(|attempt| exit_cause(attempt));
                let cause = cause.map(|cause| format!(": {}", shorten(cause))).unwrap_or_default();
                let Exits { component, count } = exits;
                lines
                    .push(format!("node `{}`: {component} exited {count} times{cause}", node.name));
            }
        }
        lines
    }

    /// Returns the last error that kubeadm reported on a node.
    pub(super) async fn last_kubeadm_error(&self, node: &str) -> Option<String> {
        let log = self.component_log(node, KUBEADM).await.ok()?;
        last_error(&log).map(shorten)
    }

    /// Returns the components that exited in a new node.
    fn exits(&self, node: &TargetNode) -> Vec<Exits> {
        match self.cluster.is_new {
            true => phases::exits(&node.status_dir),
            false => Vec::new(),
        }
    }

    /// Returns the error for a failed step. If a component has exited, that is the cause.
    async fn failed_step(&self, node: &TargetNode, step: String) -> CreateError {
        for exits in self.exits(node) {
            if let Some(error) = self.component_failure(node, &exits).await {
                return error;
            }
        }
        let logs = self.logs(&node.name).await;
        let report = failure_log::report(self.state, &self.cluster.name, &logs);
        CreateError::NodeFailed { node: node.name.clone(), step, report }
    }

    /// Returns the error if the component cannot run: the last two times, it exited with the same error,
    /// which is not transient.
    async fn component_failure(&self, node: &TargetNode, exits: &Exits) -> Option<CreateError> {
        let component = &exits.component;
        let text = self.component_log(&node.name, component).await.ok()?;
        let attempts = attempts(exits, &text);
        let mut causes = attempts.iter().rev().take(2).map(|attempt| exit_cause(attempt));
        let cause = causes.next().flatten()?;
        // kubelet does not keep the logs of all instances.
        let is_repeated = causes.all(|other| other.is_some_and(|other| is_same(other, cause)));
        if !is_repeated || is_transient(cause) {
            return None;
        }
        let last = attempts.last().cloned().unwrap_or_default();
        let mut logs = vec![Log { name: component.clone(), text: last }];
        let others = self.logs(&node.name).await;
        logs.extend(others.into_iter().filter(|other| other.name != *component));
        let report = failure_log::exit_report(self.state, &self.cluster.name, cause, &logs);
        Some(CreateError::ComponentFailed {
            node: node.name.clone(),
            component: component.clone(),
            count: exits.count,
            report,
        })
    }

    /// Returns an error if the container of a node has exited, restarted or not.
    async fn exited_container(
        &self,
        restarts: &mut HashMap<String, u64>,
        waiting_for: &'static str,
    ) -> Option<CreateError> {
        for node in &self.cluster.containers {
            let node = node.clone();
            let state = match self.podman.inspect_container(&node).await {
                Ok(state) => state,
                Err(source) => return Some(CreateError::Podman { node, source }),
            };
            // Podman restarts an exited node, and does not respond meanwhile: a node that exits
            // immediately always appears as running.
            let count = state.restart_count;
            let first = self.cluster.is_new.then_some(0);
            let before = restarts.insert(node.clone(), count).or(first);
            let restarted = before.is_some_and(|before| count > before);
            if restarted || !state.state.is_running() {
                let text = self.podman.logs(&node, OUTPUT_LINES).await.unwrap_or_default();
                let name = "container output".to_owned();
                let logs = [Log { name, text: text.trim().to_owned() }];
                let report = failure_log::report(self.state, &self.cluster.name, &logs);
                return Some(CreateError::NodeExited { node, waiting_for, report });
            }
        }
        None
    }

    /// Returns the ends of the journals that may explain a failure, and of the logs of static pods.
    async fn logs(&self, node: &str) -> Vec<Log> {
        let mut logs = Vec::new();
        for name in UNITS {
            let text = self.component_log(node, name).await;
            let text = text.unwrap_or_else(|error| {
                format!("cannot read the journal: {}", error_chain(&error))
            });
            logs.push(Log { name: name.to_owned(), text });
        }
        let pods = self.component_log(node, "*").await.unwrap_or_default();
        if !pods.is_empty() {
            let lines: Vec<&str> = pods.lines().map(without_cri_header).collect();
            logs.push(Log { name: "static pods".to_owned(), text: lines.join("\n") });
        }
        logs
    }

    /// Returns the log of a systemd unit, or of a container of `kube-system`.
    async fn component_log(&self, node: &str, component: &str) -> Result<String, PodmanError> {
        let output = if UNITS.contains(&component) {
            let mut command = vec!["journalctl", "--no-pager", "--output=cat", "-n", LOG_LINES];
            if component == KUBEADM {
                command.extend(["-u", PREPARE]);
            }
            command.extend(["-u", component]);
            self.podman.exec(node, &command).await?
        } else {
            self.podman.exec(node, &["sh", "-c", CONTAINER_LOGS, component]).await?
        };
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

fn threshold(component: &str) -> u32 {
    if UNITS.contains(&component) { UNIT_EXITS } else { CONTAINER_EXITS }
}

/// Returns the output of each exited process of a component, oldest first.
fn attempts(exits: &Exits, log: &str) -> Vec<String> {
    let mut attempts = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    if UNITS.contains(&exits.component.as_str()) {
        for line in log.lines() {
            match line.contains(PROCESS_EXIT) {
                true => attempts.push(std::mem::take(&mut lines).join("\n")),
                false => lines.push(line),
            }
        }
        return attempts;
    }
    for file in log.split("==> ").skip(1) {
        let (path, text) = file.split_once('\n').unwrap_or((file, ""));
        let name = path.rsplit('/').next().unwrap_or_default();
        let number: Option<u32> = name.strip_suffix(".log").and_then(|number| number.parse().ok());
        if number.is_some_and(|number| number < exits.count) {
            attempts.push(text.lines().map(without_cri_header).collect::<Vec<_>>().join("\n"));
        }
    }
    attempts
}

/// Removes time, stream and tag from a line of a container's log: `TIME stderr F MESSAGE`.
fn without_cri_header(line: &str) -> &str {
    let mut fields = line.splitn(4, ' ');
    match (fields.next(), fields.next(), fields.next(), fields.next()) {
        (Some(_), Some("stdout" | "stderr"), Some("F" | "P"), Some(message)) => message,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exits(component: &str, count: u32) -> Exits {
        Exits { component: component.to_owned(), count }
    }

    #[test]
    fn attempts_of_a_unit_end_with_its_process() {
        let journal = "Started kubelet.service\nE1 first\nkubelet.service: Main process exited, code=exited, status=1/FAILURE\n\
                       Started kubelet.service\nE1 second\nkubelet.service: Main process exited, code=exited, status=1/FAILURE\n\
                       Started kubelet.service\nrunning";
        assert_eq!(
            attempts(&exits("kubelet", 2), journal),
            ["Started kubelet.service\nE1 first", "Started kubelet.service\nE1 second"]
        );
    }

    #[test]
    fn attempts_of_a_container_are_its_logs() {
        let logs = "==> /var/log/pods/kube-system_etcd-a_1/etcd/0.log\n\
                    2026-11-28T19:10:45.8+00:00 stderr F panic: full\n\
                    ==> /var/log/pods/kube-system_etcd-a_1/etcd/1.log\n\
                    2026-11-28T19:10:46.8+00:00 stdout F running";
        assert_eq!(attempts(&exits("etcd", 1), logs), ["panic: full"]);
        assert_eq!(attempts(&exits("etcd", 2), logs), ["panic: full", "running"]);
    }
}
