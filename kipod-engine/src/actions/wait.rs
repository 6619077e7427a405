//! Waiting for a cluster, through its API server and the status directories of its nodes.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::CreateError;
use super::log_lines::shorten;
use super::restarted_nodes::{RestartedNodes, ready_condition};
use super::wait_target::{TargetNode, WaitTarget};
use crate::cluster::phases as progress;
use crate::kubeconfig::client::is_permanent;
use crate::podman::Podman;
use crate::util::retry::poll;
use crate::util::text::error_chain;
use crate::util::timeouts::Timeouts;

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
        let last = LastError::default();
        self.bounded("the API server", timeout, self.poll_api_server(&last), || async {
            let reached = self.cluster.nodes.iter().map(|node| {
                let phases = progress::phases(&node.status_dir);
                let last = phases.last().map_or("none", |phase| &phase.name);
                format!("node `{}`: last phase: {last}", node.name)
            });
            let error = last.get().unwrap_or_else(|| "not called".to_owned());
            let error = format!("`{}/readyz`: {error}", self.cluster.server);
            std::iter::once(error).chain(reached).collect()
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
            let mut missing = Vec::new();
            for node in self.cluster.nodes.iter().filter(|node| !finished(node)) {
                let error = self.last_kubeadm_error(&node.name).await;
                let error = error.map(|line| format!(": {line}")).unwrap_or_default();
                missing.push(format!("node `{}`: kubeadm has not finished{error}", node.name));
            }
            missing
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
        let nodes = self.node_objects();
        let pods = ApiResource::erase::<Pod>(&());
        let pods = Api::namespaced_with(self.client.clone(), "kube-system", &pods);
        let ready =
            |node: Option<&DynamicObject>| node.is_some_and(is_ready) && !restarted.is_stale(node);
        let last = LastError::default();
        let wait = async {
            for node in &self.cluster.nodes {
                self.watch(&nodes, &node.name, ready, &last).await?;
            }
            match self.cluster.has_dns {
                true => self.poll_dns(&pods, restarted, &last).await,
                false => Ok(()),
            }
        };
        self.bounded("nodes and cluster DNS", timeout, wait, || async {
            let mut missing: Vec<String> = last.get().into_iter().collect();
            for node in &self.cluster.nodes {
                match nodes.get_opt(&node.name).await {
                    Ok(state) if ready(state.as_ref()) => {}
                    Ok(state) => {
                        missing.push(format!(
                            "node `{}` {}",
                            node.name,
                            node_state(state.as_ref())
                        ));
                    }
                    Err(error) => {
                        missing.push(format!("node `{}`: {}", node.name, error_chain(&error)));
                    }
                }
            }
            if self.cluster.has_dns && !matches!(is_dns_ready(&pods, restarted).await, Ok(true)) {
                let text = "deployment `kube-system/coredns` has no ready replica";
                missing.push(format!("{text}{}", dns_state(&pods).await));
            }
            missing
        })
        .await
    }

    /// Sets the pod CIDR of each node object, and the labels that its kubelet must not set. kipod does not
    /// need the pod CIDR, but workloads may.
    pub(super) async fn complete_node_objects(&self) -> Result<(), CreateError> {
        let nodes = self.node_objects();
        for node in &self.cluster.nodes {
            let subnets = &node.pod_subnets;
            let patch = json!({
                "metadata": { "labels": node.labels },
                "spec": { "podCIDR": subnets.first(), "podCIDRs": subnets },
            });
            let (patch, params) = (Patch::Merge(patch), PatchParams::default());
            let interval = self.timeouts.poll_interval();
            let timeout = match node.labels.is_empty() {
                true => self.timeouts.call(),
                false => self.timeouts.registration(),
            };
            // kubeadm may finish before kubelet has registered the node.
            let patched =
                poll(timeout, interval, async || nodes.patch(&node.name, &params, &patch).await);
            // A single call may take longer than the timeout.
            let patched = tokio::time::timeout(timeout, patched).await;
            let source: Box<dyn std::error::Error + Send + Sync> = match patched {
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => error.into(),
                Err(elapsed) => elapsed.into(),
            };
            if !node.labels.is_empty() {
                return Err(CreateError::Labels { node: node.name.clone(), source });
            }
        }
        Ok(())
    }

    /// Returns the API of node objects. They are dynamic, because the parsers of nodes and pods take
    /// seconds to compile.
    fn node_objects(&self) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &ApiResource::erase::<Node>(&()))
    }

    async fn poll_api_server(&self, last: &LastError) -> Result<(), CreateError> {
        loop {
            let request = http::Request::get("/readyz").body(Vec::new());
            let request = request.expect("the path is valid");
            // A port that forwards into a node without a listener may accept a connection and never
            // respond.
            let timeout = self.timeouts.call();
            match tokio::time::timeout(timeout, self.client.request_text(request)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => self.keep(last, error)?,
                Err(_) => last.set(format!("no response within {}s", timeout.as_secs_f64())),
            }
            self.sleep().await;
        }
    }

    /// Keeps an error of the API server, or returns it if another attempt cannot succeed.
    fn keep<E>(&self, last: &LastError, error: E) -> Result<(), CreateError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        if is_permanent(&error) {
            let server = self.cluster.server.clone();
            return Err(CreateError::ApiServer { server, source: Box::new(error) });
        }
        last.set(error_chain(&error));
        Ok(())
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
                let waited = start.elapsed();
                let missing = tokio::time::timeout(self.timeouts.report(), missing()).await;
                let mut missing = missing
                    .unwrap_or_else(|_| vec!["the API server does not respond".into()]);
                missing.extend(self.exited_components().await);
                Err(CreateError::Timeout { waited, waiting_for, missing })
            }
        }
    }

    /// Polls until cluster DNS has a ready replica.
    async fn poll_dns(
        &self,
        pods: &Api<DynamicObject>,
        restarted: &RestartedNodes,
        last: &LastError,
    ) -> Result<(), CreateError> {
        loop {
            match is_dns_ready(pods, restarted).await {
                Ok(true) => return Ok(()),
                Ok(false) => last.clear(),
                Err(error) => self.keep(last, error)?,
            }
            self.sleep().await;
        }
    }

    /// Watches one object until it meets the condition. An interrupted watch is restarted.
    async fn watch(
        &self,
        api: &Api<DynamicObject>,
        name: &str,
        condition: impl Fn(Option<&DynamicObject>) -> bool,
        last: &LastError,
    ) -> Result<(), CreateError> {
        while let Err(error) = await_condition(api.clone(), name, &condition).await {
            self.keep(last, error)?;
            self.sleep().await;
        }
        last.clear();
        Ok(())
    }

    /// Sleeps for one poll interval.
    pub(super) async fn sleep(&self) {
        tokio::time::sleep(self.timeouts.poll_interval()).await;
    }
}

/// The error of the last attempt of a wait.
#[derive(Default)]
struct LastError(Mutex<Option<String>>);

impl LastError {
    /// Sets the error. A response of several lines becomes one.
    fn set(&self, error: String) {
        let lines: Vec<&str> = error.lines().map(str::trim).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shorten(&lines.join("; ")));
    }

    /// Removes the error after an attempt without one.
    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_ready(object: &DynamicObject) -> bool {
    ready_condition(object).is_some_and(|ready| ready["status"] == "True")
}

fn node_state(node: Option<&DynamicObject>) -> String {
    let Some(node) = node else { return "is not registered".to_owned() };
    match ready_condition(node) {
        Some(ready) => format!(
            "is not Ready: {}: {}",
            ready["reason"].as_str().unwrap_or("no reason given"),
            ready["message"].as_str().unwrap_or("no message")
        ),
        None => "has no condition Ready yet".to_owned(),
    }
}

/// Returns whether a replica of cluster DNS is ready.
async fn is_dns_ready(pods: &Api<DynamicObject>, restarted: &RestartedNodes) -> kube::Result<bool> {
    let found = pods.list(&ListParams::default().labels("k8s-app=kube-dns")).await?;
    Ok(found.items.iter().any(|pod| is_ready(pod) && !restarted.is_old(pod)))
}

/// Returns why the pods of cluster DNS are not ready, as far as they report it: `: NAME: REASON`.
async fn dns_state(pods: &Api<DynamicObject>) -> String {
    let found = pods.list(&ListParams::default().labels("k8s-app=kube-dns")).await;
    let pods = match found {
        Ok(found) => found.items,
        Err(error) => return format!(": {}", error_chain(&error)),
    };
    pods.iter().find_map(|pod| Some(format!(": {}", pod_problem(pod)?))).unwrap_or_default()
}

/// Returns why a pod is not ready: the state of a container, or else the condition of the pod.
fn pod_problem(pod: &DynamicObject) -> Option<String> {
    let status = &pod.data["status"];
    let items = |key: &str| status[key].as_array().into_iter().flatten();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let mut states = items("containerStatuses").map(|container| &container["state"]["waiting"]);
    let waiting = states.find(|waiting| waiting["reason"].is_string());
    let unmet = || items("conditions").find(|one| one["status"] != "True");
    let problem = waiting.or_else(unmet)?;
    let reason = problem["reason"].as_str()?;
    let message = problem["message"].as_str();
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    Some(shorten(&format!("pod `{name}`: {reason}{message}")))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn pod(status: Value) -> DynamicObject {
        let pod = json!({ "metadata": { "name": "coredns-1" }, "status": status });
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn pod_problem_is_that_of_the_container() {
        let unmet = json!([{ "type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "unready" }]);
        let waiting = json!({ "reason": "CrashLoopBackOff", "message": "back-off 10s" });
        let container = json!({
            "name": "coredns", "image": "i", "imageID": "i", "ready": false, "restartCount": 2,
            "state": { "waiting": waiting },
        });
        let both = pod(json!({ "conditions": unmet, "containerStatuses": [container] }));
        assert_eq!(pod_problem(&both).unwrap(), "pod `coredns-1`: CrashLoopBackOff: back-off 10s");
        let condition = pod(json!({ "conditions": unmet }));
        assert_eq!(
            pod_problem(&condition).unwrap(),
            "pod `coredns-1`: ContainersNotReady: unready"
        );
        assert_eq!(pod_problem(&pod(json!({}))), None);
    }

    #[test]
    fn last_error_keeps_the_last_attempt_on_one_line() {
        let last = LastError::default();
        last.set("first".to_owned());
        last.set("[+]ping ok\n[-]etcd failed\n".to_owned());
        assert_eq!(last.get().unwrap(), "[+]ping ok; [-]etcd failed");
        last.clear();
        assert_eq!(last.get(), None);
    }
}
