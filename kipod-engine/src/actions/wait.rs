//! Waiting for a cluster, from the host: through its API server, and through what its nodes say.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client};
use serde_json::json;

use super::CreateError;
use crate::actions::wait_target::{WaitTarget, WatchedNode};
use crate::cluster::phases as progress;
use crate::podman::Podman;
use crate::util::time_factor::TimeFactor;
use tokio_util::sync::CancellationToken;

/// How often a status folder, or an API server that does not answer yet, is asked.
const POLL: Duration = Duration::from_millis(50);
/// How often Podman is asked whether a node still runs.
const POLL_CONTAINER: Duration = Duration::from_secs(2);
/// How long one call to the API server may take while it starts.
const CALL_LIMIT: Duration = Duration::from_secs(2);
/// How long it may take to find out what is missing, once the time is up.
const REPORT_LIMIT: Duration = Duration::from_secs(5);
/// How many lines of each journal an error shows.
const JOURNAL_LINES: &str = "20";

/// Waits for one cluster.
pub(super) struct Waiter<'a> {
    pub(super) cluster: WaitTarget,
    pub(super) podman: &'a dyn Podman,
    pub(super) client: Client,
    pub(super) cancel: &'a CancellationToken,
    /// What the limits of single calls, and the pauses between them, are multiplied by.
    pub(super) factor: TimeFactor,
}

impl Waiter<'_> {
    /// Until the API server says it is ready to serve.
    pub(super) async fn api_server(&self, limit: Duration) -> Result<(), CreateError> {
        let during = "waiting for the API server";
        self.bounded(during, limit, self.poll_api_server(), || async {
            let reached = self.cluster.nodes.iter().map(|node| {
                let phases = progress::phases(&node.status_dir);
                let last = phases.last().map_or("nothing", |phase| &phase.name);
                format!("node `{}` has reached: {last}", node.name)
            });
            std::iter::once(format!("`{}/readyz` does not answer `ok`", self.cluster.server))
                .chain(reached)
                .collect()
        })
        .await
    }

    /// Until kubeadm is through on every node.
    pub(super) async fn kubeadm(&self, limit: Duration) -> Result<(), CreateError> {
        let finished = |node: &WatchedNode| progress::reached(&node.status_dir, "kubeadm-finished");
        let poll = async {
            while !self.cluster.nodes.iter().all(finished) {
                self.pause().await;
            }
            Ok(())
        };
        self.bounded("waiting for kubeadm", limit, poll, || async {
            let left = self.cluster.nodes.iter().filter(|node| !finished(node));
            left.map(|node| format!("kubeadm still works on node `{}`", node.name)).collect()
        })
        .await
    }

    /// Until every node is Ready and cluster DNS answers, where it can. What `woken` says of the nodes it names is
    /// older than their start, and does not count.
    pub(super) async fn workloads(
        &self,
        limit: Duration,
        woken: &RestartedNodes,
    ) -> Result<(), CreateError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "kube-system");
        let ready = |node: Option<&Node>| is_node_ready(node) && !woken.is_stale(node);
        let wait = async {
            for node in &self.cluster.nodes {
                watch(&nodes, &node.name, ready).await;
            }
            while self.cluster.has_dns && !dns_answers(&pods, woken).await {
                self.pause().await;
            }
            Ok(())
        };
        self.bounded("waiting for node and DNS to be ready", limit, wait, || async {
            let mut missing = Vec::new();
            for node in &self.cluster.nodes {
                let state = nodes.get_opt(&node.name).await.ok().flatten();
                if !ready(state.as_ref()) {
                    missing.push(format!("node `{}`: {}", node.name, node_state(state.as_ref())));
                }
            }
            if self.cluster.has_dns && !dns_answers(&pods, woken).await {
                missing.push("deployment `kube-system/coredns` has no ready replica".to_owned());
            }
            missing
        })
        .await
    }

    /// Tells Kubernetes which part of the pod subnet each node has. Nothing of kipod's asks for it;
    /// what people install may.
    pub(super) async fn assign_pod_subnets(&self) {
        let nodes: Api<Node> = Api::all(self.client.clone());
        for node in &self.cluster.nodes {
            let subnets = &node.pod_subnets;
            let patch = json!({ "spec": { "podCIDR": subnets.first(), "podCIDRs": subnets } });
            let (patch, params) = (Patch::Merge(patch), PatchParams::default());
            // kubeadm may be through before the kubelet has registered the node.
            let patched = async {
                while nodes.patch(&node.name, &params, &patch).await.is_err() {
                    self.pause().await;
                }
            };
            // Who misses it will say so, and the cluster is a cluster without.
            let _ = tokio::time::timeout(self.factor.of(CALL_LIMIT), patched).await;
        }
    }

    async fn poll_api_server(&self) -> Result<(), CreateError> {
        loop {
            let request = http::Request::get("/readyz").body(Vec::new());
            if let Ok(request) = request {
                let answer = self.client.request_text(request);
                // A port that forwards into a node without a listener may take a call and never
                // answer it.
                if let Ok(Ok(_)) = tokio::time::timeout(self.factor.of(CALL_LIMIT), answer).await {
                    return Ok(());
                }
            }
            self.pause().await;
        }
    }

    /// `work`, unless its time is up, somebody cancels, or a node fails first.
    async fn bounded<M: Future<Output = Vec<String>>>(
        &self,
        during: &'static str,
        limit: Duration,
        work: impl Future<Output = Result<(), CreateError>>,
        missing: impl Fn() -> M,
    ) -> Result<(), CreateError> {
        let start = Instant::now();
        tokio::select! {
            done = work => done,
            failed = self.node_fails(during) => Err(failed),
            () = self.cancel.cancelled() => {
                Err(CreateError::Cancelled { name: self.cluster.name.clone() })
            }
            () = tokio::time::sleep(limit) => {
                let missing = tokio::time::timeout(self.factor.of(REPORT_LIMIT), missing()).await;
                Err(CreateError::Timeout {
                    waited: start.elapsed(),
                    during,
                    missing: missing.unwrap_or_else(|_| vec!["the API server does not answer".into()]),
                })
            }
        }
    }

    /// Ends when a node says that it failed, or has ended, whether it was started again or not.
    async fn node_fails(&self, during: &'static str) -> CreateError {
        let mut asked = Instant::now();
        let mut restarts = HashMap::new();
        loop {
            self.pause().await;
            for node in &self.cluster.nodes {
                if let Some(step) = progress::failed_step(&node.status_dir) {
                    let journal = self.journals(&node.name).await;
                    return CreateError::NodeFailed { node: node.name.clone(), step, journal };
                }
            }
            if asked.elapsed() < self.factor.of(POLL_CONTAINER) {
                continue;
            }
            asked = Instant::now();
            for node in &self.cluster.containers {
                let node = node.clone();
                let state = match self.podman.inspect_container(&node).await {
                    Ok(state) => state,
                    Err(source) => return CreateError::Podman { node, source },
                };
                // Podman starts a node that ended again, and answers no question while it does: one
                // that ends at once is then only ever seen running.
                let count = state.restart_count;
                let first = self.cluster.is_new.then_some(0);
                let before = restarts.insert(node.clone(), count).or(first);
                let restarted = before.is_some_and(|before| count > before);
                if restarted || !state.state.is_running() {
                    let output = self.podman.logs(&node, 20).await.unwrap_or_default();
                    return CreateError::NodeEnded { node, during, output };
                }
            }
        }
    }

    /// The ends of the journals that may say why a node failed.
    async fn journals(&self, node: &str) -> String {
        let mut text = String::new();
        for unit in ["kipod-node", "kubelet", "crio"] {
            let command =
                ["journalctl", "--no-pager", "--output=cat", "-n", JOURNAL_LINES, "-u", unit];
            let found = self.podman.exec(node, &command).await;
            let body = match &found {
                Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
                Err(error) => error.to_string(),
            };
            text.push_str(&format!("--- journal of {unit} ---\n{body}\n"));
        }
        text.trim_end().to_owned()
    }

    /// Between two questions. On a slow machine each takes from the work that is waited for.
    async fn pause(&self) {
        tokio::time::sleep(self.factor.of(POLL)).await;
    }
}

/// Watches one object until it meets the condition. A watch that breaks off is begun anew.
async fn watch<K>(api: &Api<K>, name: &str, condition: impl Fn(Option<&K>) -> bool)
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
        tokio::time::sleep(POLL).await;
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
        None => "has not said whether it is Ready".to_owned(),
    }
}

/// Whether a replica of cluster DNS is ready.
async fn dns_answers(pods: &Api<Pod>, woken: &RestartedNodes) -> bool {
    let found = pods.list(&ListParams::default().labels("k8s-app=kube-dns")).await;
    found.is_ok_and(|pods| pods.items.iter().any(|pod| is_pod_ready(pod) && !woken.is_old(pod)))
}

fn is_pod_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

/// Nodes that were started again. What the API server knows of them and of their pods may be from
/// before: Kubernetes takes a node that is gone for a Ready one for another 40 seconds.
pub(super) struct RestartedNodes {
    nodes: Vec<String>,
    since: Timestamp,
}

impl RestartedNodes {
    /// These nodes, from now on.
    pub(super) fn now(nodes: Vec<String>) -> Self {
        // Kubernetes' times have no fractions of a second.
        let since = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        Self { nodes, since }
    }

    /// No node: all are new.
    pub(super) fn none() -> Self {
        Self::now(Vec::new())
    }

    fn is_stale(&self, node: Option<&Node>) -> bool {
        let Some(node) = node.filter(|node| self.has(node.metadata.name.as_deref())) else {
            return false;
        };
        let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
        let ready = conditions.and_then(|all| all.iter().find(|one| one.type_ == "Ready"));
        let heard = ready.and_then(|ready| ready.last_heartbeat_time.as_ref());
        heard.is_none_or(|heard| heard.0 < self.since)
    }

    fn is_old(&self, pod: &Pod) -> bool {
        if !self.has(pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref())) {
            return false;
        }
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        statuses.into_iter().flatten().any(|container| {
            let running = container.state.as_ref().and_then(|state| state.running.as_ref());
            let started = running.and_then(|running| running.started_at.as_ref());
            started.is_none_or(|started| started.0 < self.since)
        })
    }

    fn has(&self, node: Option<&str>) -> bool {
        node.is_some_and(|name| self.nodes.iter().any(|woken| woken == name))
    }
}
