//! Pods and their containers.

use std::net::IpAddr;
use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{AttachParams, DeleteParams, LogParams, PostParams};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::{ClusterClient, POLL_INTERVAL, TIMEOUT};
use crate::NODE_IMAGE;

/// A socat address that accepts connections of every IP family of the pod.
pub(super) const ANY_FAMILY: &str = "TCP6-LISTEN:8080,ipv6only=0,fork,reuseaddr";

impl ClusterClient {
    /// Creates a pod that runs a shell script to completion, in an image that exists on the host only.
    pub fn run_pod(&self, name: &str, image: &str, script: &str) {
        self.create_pod(name, pod_spec(image, script, "Never"));
    }

    /// Creates a pod that runs a shell script to completion, in an image that is always pulled.
    pub fn run_pulled_pod(&self, name: &str, image: &str, script: &str) {
        let mut spec = pod_spec(image, script, "Never");
        spec["containers"][0]["imagePullPolicy"] = json!("Always");
        self.create_pod(name, spec);
    }

    /// Creates a pod that runs a shell script to completion as a user and group without capabilities.
    pub fn run_pod_as(&self, name: &str, id: u32, script: &str) {
        let mut spec = pod_spec(NODE_IMAGE, script, "Never");
        spec["securityContext"] = json!({ "runAsUser": id, "runAsGroup": id });
        self.create_pod(name, spec);
    }

    /// Creates a pod that runs a shell script to completion, with Kubernetes' default pull policy.
    pub fn run_default_policy_pod(&self, name: &str, image: &str, script: &str) {
        let mut spec = pod_spec(image, script, "Never");
        spec["containers"][0]["imagePullPolicy"] = Value::Null;
        self.create_pod(name, spec);
    }

    /// Creates a pod with a user namespace of its own.
    pub fn run_pod_in_user_namespace(&self, name: &str) {
        let mut spec = pod_spec(NODE_IMAGE, "true", "Never");
        spec["hostUsers"] = json!(false);
        self.create_pod(name, spec);
    }

    /// Creates a pod that runs a shell script to completion, with a volume mounted at `/volume`.
    pub fn run_pod_with_volume(&self, name: &str, claim: &str, script: &str) {
        let mut spec = pod_spec(NODE_IMAGE, script, "Never");
        spec["volumes"] = json!([{
            "name": "volume", "persistentVolumeClaim": { "claimName": claim },
        }]);
        spec["containers"][0]["volumeMounts"] =
            json!([{ "name": "volume", "mountPath": "/volume" }]);
        self.create_pod(name, spec);
    }

    /// Creates a pod that prints `started` and sleeps. It is always restarted.
    pub fn run_sleeping_pod(&self, name: &str) {
        self.create_pod(name, pod_spec(NODE_IMAGE, "echo started; exec sleep infinity", "Always"));
    }

    /// Creates a pod on `node` that replies to every connection on port 8080 with the peer's address.
    /// The pod bypasses the scheduler, and therefore taints.
    pub fn run_echo_pod(&self, name: &str, node: &str) {
        self.create_echo_pod(name, node, "TCP-LISTEN:8080,fork,reuseaddr");
    }

    /// Creates an echo pod that accepts connections of every IP family of the pod.
    pub fn run_any_family_echo_pod(&self, name: &str, node: &str) {
        self.create_echo_pod(name, node, ANY_FAMILY);
    }

    fn create_echo_pod(&self, name: &str, node: &str, listen: &str) {
        let script = format!("exec socat {listen} SYSTEM:'echo $SOCAT_PEERADDR'");
        let mut spec = pod_spec(NODE_IMAGE, &script, "Always");
        spec["nodeName"] = json!(node);
        spec["containers"][0]["readinessProbe"] = readiness_probe();
        self.create_pod(name, spec);
    }

    /// Creates a pod that replies to every connection on a port of its node with `reply`.
    pub fn run_host_port_pod(&self, name: &str, port: u16, reply: &str) {
        let script = format!("exec socat TCP-LISTEN:8080,fork,reuseaddr 'SYSTEM:echo {reply}'");
        let mut spec = pod_spec(NODE_IMAGE, &script, "Always");
        spec["containers"][0]["ports"] = json!([{ "containerPort": 8080, "hostPort": port }]);
        self.create_pod(name, spec);
    }

    fn create_pod(&self, name: &str, spec: Value) {
        let pod = json!({ "metadata": { "name": name }, "spec": spec });
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        let pods = self.api::<Pod>();
        self.runtime.block_on(pods.create(&PostParams::default(), &pod)).expect("created");
    }

    /// Deletes a pod without a grace period.
    pub fn delete_pod(&self, pod: &str) {
        let params = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        let pods = self.api::<Pod>();
        let _ = self.runtime.block_on(pods.delete(pod, &params)).expect("deleted");
    }

    fn pod(&self, name: &str) -> Pod {
        self.runtime.block_on(self.api::<Pod>().get(name)).expect("the pod")
    }

    /// Returns the IP address of a pod.
    pub fn pod_ip(&self, pod: &str) -> String {
        self.pod(pod).status.and_then(|status| status.pod_ip).expect("a pod IP")
    }

    /// Returns the IP addresses of a pod, the primary family first.
    pub fn pod_ips(&self, pod: &str) -> Vec<IpAddr> {
        let ips = self.pod(pod).status.and_then(|status| status.pod_ips).expect("pod IPs");
        ips.iter().map(|one| one.ip.parse().expect("an IP address")).collect()
    }

    /// Returns the id of the container of a pod.
    pub fn container_id(&self, pod: &str) -> Option<String> {
        let found = self.runtime.block_on(self.api::<Pod>().get(pod)).ok()?;
        found.status?.container_statuses?.into_iter().next()?.container_id
    }

    /// Returns the ids of the running containers in all namespaces.
    pub fn running_containers(&self) -> Result<Vec<String>, kube::Error> {
        let pods = self.all_pods()?;
        let statuses = pods.into_iter().filter_map(|pod| pod.status?.container_statuses);
        let running = statuses
            .flatten()
            .filter(|one| one.state.as_ref().is_some_and(|state| state.running.is_some()));
        Ok(running.filter_map(|one| one.container_id).collect())
    }

    /// Returns the pods in all namespaces that are not ready, each with its phase.
    pub(super) fn unready_pods(&self) -> Result<Vec<String>, kube::Error> {
        let pods = self.all_pods()?;
        let unready = pods.iter().filter(|pod| !is_ready(pod));
        Ok(unready.map(|pod| format!("{}: {}", pod.name_any(), phase(pod))).collect())
    }

    /// Returns the log of a pod.
    pub fn pod_log(&self, pod: &str) -> String {
        self.runtime.block_on(self.api::<Pod>().logs(pod, &LogParams::default())).expect("a log")
    }

    /// Runs a command in a pod, and returns its standard output.
    #[track_caller]
    pub fn exec(&self, pod: &str, command: &[&str]) -> String {
        let pods = self.api::<Pod>();
        let params = AttachParams::default().stderr(false);
        self.runtime.block_on(async {
            let mut process = pods.exec(pod, command.iter().copied(), &params).await.expect("exec");
            let mut text = String::new();
            let mut stdout = process.stdout().expect("standard output is attached");
            stdout.read_to_string(&mut text).await.expect("the output");
            process.join().await.expect("the exit");
            text
        })
    }

    /// Connects from a pod to `address` with socat, and returns the reply.
    #[track_caller]
    pub fn connect_from(&self, pod: &str, address: &str) -> String {
        let target = format!("TCP:{address},connect-timeout=5");
        self.exec(pod, &["socat", "-T5", "-,ignoreeof", &target])
    }

    /// Fails the test unless two pods created by [`run_echo_pod`](Self::run_echo_pod) reach each
    /// other without address translation.
    #[track_caller]
    pub fn assert_echo_pods_connected(&self, pods: [&str; 2]) {
        pods.iter().for_each(|pod| self.wait_pod_ready(pod));
        for (from, to) in [(pods[0], pods[1]), (pods[1], pods[0])] {
            let peer = self.connect_from(from, &format!("{}:8080", self.pod_ip(to)));
            assert_eq!(peer.trim(), self.pod_ip(from), "{from} to {to}");
        }
    }

    /// Waits until a pod is running and ready.
    #[track_caller]
    pub fn wait_pod_ready(&self, pod: &str) {
        self.wait_pod(pod, |pod| is_ready(pod) && phase(pod) == "Running");
    }

    /// Waits until a pod has completed, successfully or not. Returns its log.
    #[track_caller]
    pub fn wait_pod_completed(&self, pod: &str) -> String {
        self.wait_pod(pod, |pod| phase(pod) == "Succeeded" || phase(pod) == "Failed");
        self.pod_log(pod)
    }

    /// Waits until the image of a pod cannot be pulled. Returns the error message.
    #[track_caller]
    pub fn wait_pull_error(&self, pod: &str) -> String {
        self.wait_pod(pod, |pod| pull_error(pod).is_some());
        pull_error(&self.pod(pod)).unwrap_or_default()
    }

    #[track_caller]
    fn wait_pod(&self, name: &str, condition: impl Fn(&Pod) -> bool) {
        let start = Instant::now();
        loop {
            let state = self.runtime.block_on(self.api::<Pod>().get(name));
            if state.as_ref().is_ok_and(&condition) {
                return;
            }
            if start.elapsed() > TIMEOUT {
                let state = state.map(|pod| pod.status);
                panic!("timed out waiting for pod `{name}`: {state:#?}");
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

pub(super) fn pod_spec(image: &str, script: &str, restart_policy: &str) -> Value {
    json!({
        "restartPolicy": restart_policy,
        "terminationGracePeriodSeconds": 0,
        "containers": [{
            "name": "main",
            "image": image,
            // No registry has the image.
            "imagePullPolicy": "Never",
            "command": ["/bin/bash", "-c", script],
        }],
    })
}

pub(super) fn readiness_probe() -> Value {
    json!({ "tcpSocket": { "port": 8080 }, "periodSeconds": 1 })
}

fn phase(pod: &Pod) -> &str {
    let status = pod.status.as_ref();
    status.and_then(|status| status.phase.as_deref()).unwrap_or("Unknown")
}

/// Returns whether a pod is ready, or has succeeded.
fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"));
    ready || phase(pod) == "Succeeded"
}

fn pull_error(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    let reasons = ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"];
    let is_pull = waiting.reason.as_deref().is_some_and(|reason| reasons.contains(&reason));
    waiting.message.clone().filter(|_| is_pull)
}
