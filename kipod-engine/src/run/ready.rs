//! Waiting for a cluster, from the host: through its API server, and through what its nodes say.

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client};
use serde_json::json;

use super::{CreateError, cancel::Cancel, progress};
use crate::plan::{NodePlan, Plan};
use crate::podman::Podman;
use crate::time_factor::TimeFactor;

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
    pub(super) plan: &'a Plan,
    pub(super) podman: &'a dyn Podman,
    pub(super) client: Client,
    pub(super) cancel: &'a Cancel,
    /// What the limits of single calls are multiplied by.
    pub(super) factor: TimeFactor,
}

impl Waiter<'_> {
    /// Until the API server says it is ready to serve.
    pub(super) async fn api_server(&self, limit: Duration) -> Result<(), CreateError> {
        let during = "waiting for the API server";
        self.bounded(during, limit, self.poll_api_server(), || async {
            let reached = self.plan.nodes.iter().map(|node| {
                let phases = progress::phases(&node.status_dir);
                let last = phases.last().map_or("nothing", |phase| &phase.name);
                format!("node `{}` has reached: {last}", node.name)
            });
            std::iter::once(format!("`{}/readyz` does not answer `ok`", self.plan.access.server))
                .chain(reached)
                .collect()
        })
        .await
    }

    /// Until kubeadm is through on every node.
    pub(super) async fn kubeadm(&self, limit: Duration) -> Result<(), CreateError> {
        let finished = |node: &NodePlan| progress::reached(&node.status_dir, "kubeadm-finished");
        let poll = async {
            while !self.plan.nodes.iter().all(finished) {
                tokio::time::sleep(POLL).await;
            }
            Ok(())
        };
        self.bounded("waiting for kubeadm", limit, poll, || async {
            let left = self.plan.nodes.iter().filter(|node| !finished(node));
            left.map(|node| format!("kubeadm still works on node `{}`", node.name)).collect()
        })
        .await
    }

    /// Until every node is Ready, and cluster DNS answers where `dns` says that it can.
    pub(super) async fn workloads(&self, limit: Duration, dns: bool) -> Result<(), CreateError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), "kube-system");
        let wait = async {
            for node in &self.plan.nodes {
                watch(&nodes, &node.name, is_node_ready).await;
            }
            if dns {
                watch(&deployments, "coredns", is_available).await;
            }
            Ok(())
        };
        self.bounded("waiting for node and DNS to be ready", limit, wait, || async {
            let mut missing = Vec::new();
            for node in &self.plan.nodes {
                let state = nodes.get_opt(&node.name).await.ok().flatten();
                if !is_node_ready(state.as_ref()) {
                    missing.push(format!("node `{}`: {}", node.name, node_state(state.as_ref())));
                }
            }
            let coredns = deployments.get_opt("coredns").await.ok().flatten();
            if dns && !is_available(coredns.as_ref()) {
                missing
                    .push("deployment `kube-system/coredns` has no available replica".to_owned());
            }
            missing
        })
        .await
    }

    /// Tells Kubernetes which part of the pod subnet each node has. Nothing of kipod's asks for it;
    /// what people install may.
    pub(super) async fn assign_pod_subnets(&self) {
        let nodes: Api<Node> = Api::all(self.client.clone());
        for node in &self.plan.nodes {
            let subnet = node.pod_subnet;
            let patch = json!({ "spec": { "podCIDR": subnet, "podCIDRs": [subnet] } });
            let (patch, params) = (Patch::Merge(patch), PatchParams::default());
            let patched = nodes.patch(&node.name, &params, &patch);
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
            tokio::time::sleep(POLL).await;
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
            () = self.cancel.asked() => {
                Err(CreateError::Cancelled { name: self.plan.name.clone() })
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

    /// Ends when a node says that it failed, or is not there any more.
    async fn node_fails(&self, during: &'static str) -> CreateError {
        let mut asked = Instant::now();
        loop {
            tokio::time::sleep(POLL).await;
            for node in &self.plan.nodes {
                if let Some(step) = progress::failed_step(&node.status_dir) {
                    let journal = self.journals(&node.name).await;
                    return CreateError::NodeFailed { node: node.name.clone(), step, journal };
                }
            }
            if asked.elapsed() < POLL_CONTAINER {
                continue;
            }
            asked = Instant::now();
            for node in self.plan.containers() {
                match self.podman.inspect_container(&node.name).await {
                    Ok(state) if state["State"]["Running"].as_bool() == Some(false) => {
                        let output = self.podman.logs(&node.name, 20).await.unwrap_or_default();
                        return CreateError::NodeEnded { node: node.name.clone(), during, output };
                    }
                    Ok(_) => {}
                    Err(source) => {
                        return CreateError::Podman { node: node.name.clone(), source };
                    }
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

fn is_available(deployment: Option<&Deployment>) -> bool {
    deployment
        .and_then(|deployment| deployment.status.as_ref()?.available_replicas)
        .is_some_and(|available| available > 0)
}
