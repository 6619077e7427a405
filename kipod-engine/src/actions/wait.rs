//! Waiting for a cluster, through its API server and the status directories of its nodes.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::CreateError;
use super::failure_log::{self, Log};
use super::restarted_nodes::RestartedNodes;
use super::wait_target::{TargetNode, WaitTarget};
use crate::cluster::phases as progress;
use crate::podman::Podman;
use crate::util::retry::poll;
use crate::util::text::error_chain;
use crate::util::timeouts::Timeouts;

/// The number of lines of each journal in the log of a failure.
const JOURNAL_LINES: &str = "200";
/// The systemd units whose journals may explain a failure; kubeadm's first.
const UNITS: [&str; 4] = ["kipod-prepare", "kipod-node", "crio", "kubelet"];
/// The number of lines of an exited container's output in the log of a failure.
const OUTPUT_LINES: usize = 200;

/// Waits for one cluster.
pub(super) struct Waiter<'a> {
    pub(super) cluster: WaitTarget,
    pub(super) podman: &'a dyn Podman,
    pub(super) client: Client,
    pub(super) cancel: &'a CancellationToken,
    /// The state directory, for logs of failures.
    pub(super) state: &'a Path,
    pub(super) timeouts: Timeouts,
}

impl Waiter<'_> {
    /// Waits until the API server is ready.
    pub(super) async fn api_server(&self, timeout: Duration) -> Result<(), CreateError> {
        self.bounded("the API server", timeout, self.poll_api_server(), || async {
            let reached = self.cluster.nodes.iter().map(|node| {
                let phases = progress::phases(&node.status_dir);
                let last = phases.last().map_or("none", |phase| &phase.name);
                format!("node `{}`: last phase: {last}", node.name)
            });
            std::iter::once(format!("`{}/readyz` does not return `ok`", self.cluster.server))
                .chain(reached)
                .collect()
        })
        .await
    }

    /// Waits until kubeadm has finished on every node.
    pub(super) async fn kubeadm(&self, timeout: Duration) -> Result<(), CreateError> {
        let finished = |node: &TargetNode| progress::reached(&node.status_dir, "kubeadm-finished");
        let wait = async {
            while !self.cluster.nodes.iter().all(finished) {
                self.sleep().await;
            }
            Ok(())
        };
        self.bounded("kubeadm", timeout, wait, || async {
            let left = self.cluster.nodes.iter().filter(|node| !finished(node));
            left.map(|node| format!("node `{}`: kubeadm has not finished", node.name)).collect()
        })
        .await
    }

    /// Waits until every node is Ready and cluster DNS has a ready replica. Conditions of `restarted`
    /// nodes from before their restart do not count.
    pub(super) async fn workloads(
        &self,
        timeout: Duration,
        restarted: &RestartedNodes,
    ) -> Result<(), CreateError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "kube-system");
        let ready = |node: Option<&Node>| is_node_ready(node) && !restarted.is_stale(node);
        let wait = async {
            for node in &self.cluster.nodes {
                self.watch(&nodes, &node.name, ready).await;
            }
            while self.cluster.has_dns && !is_dns_ready(&pods, restarted).await {
                self.sleep().await;
            }
            Ok(())
        };
        self.bounded("nodes and cluster DNS", timeout, wait, || async {
            let mut missing = Vec::new();
            for node in &self.cluster.nodes {
                let state = nodes.get_opt(&node.name).await.ok().flatten();
                if !ready(state.as_ref()) {
                    missing.push(format!("node `{}` {}", node.name, node_state(state.as_ref())));
                }
            }
            if self.cluster.has_dns && !is_dns_ready(&pods, restarted).await {
                missing.push("deployment `kube-system/coredns` has no ready replica".to_owned());
            }
            missing
        })
        .await
    }

    /// Sets the pod CIDR of each node object. kipod does not need it, but workloads may.
    pub(super) async fn assign_pod_subnets(&self) {
        let nodes: Api<Node> = Api::all(self.client.clone());
        for node in &self.cluster.nodes {
            let subnets = &node.pod_subnets;
            let patch = json!({ "spec": { "podCIDR": subnets.first(), "podCIDRs": subnets } });
            let (patch, params) = (Patch::Merge(patch), PatchParams::default());
            let (timeout, interval) = (self.timeouts.call(), self.timeouts.poll_interval());
            // kubeadm may finish before kubelet has registered the node.
            let patched =
                poll(timeout, interval, async || nodes.patch(&node.name, &params, &patch).await);
            // The cluster works without; a single call may take longer than the timeout.
            let _ = tokio::time::timeout(timeout, patched).await;
        }
    }

    async fn poll_api_server(&self) -> Result<(), CreateError> {
        loop {
            let request = http::Request::get("/readyz").body(Vec::new());
            if let Ok(request) = request {
                let response = self.client.request_text(request);
                // A port that forwards into a node without a listener may accept a connection and
                // never respond.
                if let Ok(Ok(_)) = tokio::time::timeout(self.timeouts.call(), response).await {
                    return Ok(());
                }
            }
            self.sleep().await;
        }
    }

    /// Runs `work` until the timeout, a cancellation, or the failure of a node.
    async fn bounded<M: Future<Output = Vec<String>>>(
        &self,
        waiting_for: &'static str,
        timeout: Duration,
        work: impl Future<Output = Result<(), CreateError>>,
        missing: impl Fn() -> M,
    ) -> Result<(), CreateError> {
        let start = Instant::now();
        tokio::select! {
            done = work => done,
            error = self.node_failure(waiting_for) => Err(error),
            () = self.cancel.cancelled() => {
                Err(CreateError::Cancelled { name: self.cluster.name.clone() })
            }
            () = tokio::time::sleep(timeout) => {
                let missing = tokio::time::timeout(self.timeouts.report(), missing()).await;
                Err(CreateError::Timeout {
                    waited: start.elapsed(),
                    waiting_for,
                    missing: missing
                        .unwrap_or_else(|_| vec!["the API server does not respond".into()]),
                })
            }
        }
    }

    /// Returns once a node reports a failure, or its container has exited, restarted or not.
    async fn node_failure(&self, waiting_for: &'static str) -> CreateError {
        let mut last_inspection = Instant::now();
        let mut restarts = HashMap::new();
        loop {
            self.sleep().await;
            for node in &self.cluster.nodes {
                if let Some(step) = progress::failed_step(&node.status_dir) {
                    let logs = self.journals(&node.name).await;
                    let report = failure_log::report(self.state, &self.cluster.name, &logs);
                    return CreateError::NodeFailed { node: node.name.clone(), step, report };
                }
            }
            if last_inspection.elapsed() < self.timeouts.container_poll_interval() {
                continue;
            }
            last_inspection = Instant::now();
            for node in &self.cluster.containers {
                let node = node.clone();
                let state = match self.podman.inspect_container(&node).await {
                    Ok(state) => state,
                    Err(source) => return CreateError::Podman { node, source },
                };
                // Podman restarts an exited node, and does not respond meanwhile: a node that exits
                // immediately always appears as running.
                let count = state.restart_count;
                let first = self.cluster.is_new.then_some(0);
                let before = restarts.insert(node.clone(), count).or(first);
                let restarted = before.is_some_and(|before| count > before);
                if restarted || !state.state.is_running() {
                    let text = self.podman.logs(&node, OUTPUT_LINES).await.unwrap_or_default();
                    let logs = [Log { name: "container output", text: text.trim().to_owned() }];
                    let report = failure_log::report(self.state, &self.cluster.name, &logs);
                    return CreateError::NodeExited { node, waiting_for, report };
                }
            }
        }
    }

    /// Returns the ends of the journals that may explain a failure.
    async fn journals(&self, node: &str) -> Vec<Log> {
        let mut logs = Vec::new();
        for name in UNITS {
            let command =
                ["journalctl", "--no-pager", "--output=cat", "-n", JOURNAL_LINES, "-u", name];
            let text = match self.podman.exec(node, &command).await {
                Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
                Err(error) => format!("cannot read the journal: {}", error_chain(&error)),
            };
            logs.push(Log { name, text });
        }
        logs
    }

    /// Watches one object until it meets the condition. An interrupted watch is restarted.
    async fn watch<K>(&self, api: &Api<K>, name: &str, condition: impl Fn(Option<&K>) -> bool)
    where
        K: kube::Resource + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
    {
        struct When<F>(F);
        impl<K, F: Fn(Option<&K>) -> bool> Condition<K> for When<F> {
            fn matches_object(&self, object: Option<&K>) -> bool {
                (self.0)(object)
            }
        }
        while await_condition(api.clone(), name, When(&condition)).await.is_err() {
            self.sleep().await;
        }
    }

    /// Sleeps for one poll interval.
    async fn sleep(&self) {
        tokio::time::sleep(self.timeouts.poll_interval()).await;
    }
}

fn is_node_ready(node: Option<&Node>) -> bool {
    let conditions = node.and_then(|node| node.status.as_ref()?.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

fn node_state(node: Option<&Node>) -> String {
    let Some(node) = node else { return "is not registered".to_owned() };
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.and_then(|all| all.iter().find(|one| one.type_ == "Ready"));
    match ready {
        Some(ready) => format!(
            "is not Ready: {}: {}",
            ready.reason.as_deref().unwrap_or("no reason given"),
            ready.message.as_deref().unwrap_or("no message")
        ),
        None => "has no condition Ready yet".to_owned(),
    }
}

/// Returns whether a replica of cluster DNS is ready.
async fn is_dns_ready(pods: &Api<Pod>, restarted: &RestartedNodes) -> bool {
    let found = pods.list(&ListParams::default().labels("k8s-app=kube-dns")).await;
    found.is_ok_and(|pods| pods.items.iter().any(|pod| is_pod_ready(pod) && !restarted.is_old(pod)))
}

fn is_pod_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}
