//! What runs inside a cluster, asked through its API server.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod, Service};
use kube::api::{
    Api, AttachParams, DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams,
};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::runtime::Runtime;

use crate::NODE_IMAGE;

/// How long a pod may take to start, or a Service to answer.
const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);
const NAMESPACE: &str = "default";
/// How socat takes connections of every IP family that a pod has.
const ANY_FAMILY: &str = "TCP6-LISTEN:8080,ipv6only=0,fork,reuseaddr";

/// A client of one cluster, with the runtime it lives in.
pub struct Inside {
    runtime: Runtime,
    client: Client,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inside")
    }
}

impl Inside {
    /// A client for a kubeconfig's current context.
    pub(crate) fn new(kubeconfig: &Path) -> Self {
        let text = std::fs::read_to_string(kubeconfig).expect("a kubeconfig");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let client =
            runtime.block_on(kipod_engine::kubeconfig::client::connect(&text)).expect("a client");
        Self { runtime, client }
    }

    /// The API server's version, as `v1.36.2`.
    pub fn version(&self) -> String {
        self.runtime.block_on(self.client.apiserver_version()).expect("a version").git_version
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// The nodes, each with whether it is Ready.
    pub fn nodes(&self) -> Result<Vec<(String, bool)>, kube::Error> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let list = self.runtime.block_on(nodes.list(&ListParams::default()))?;
        let ready = |node: &Node| {
            let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
            conditions.is_some_and(|all| {
                all.iter().any(|one| one.type_ == "Ready" && one.status == "True")
            })
        };
        Ok(list.items.iter().map(|node| (node.name_any(), ready(node))).collect())
    }

    /// Pods of all namespaces that are not ready, each with its phase.
    pub fn unready_pods(&self) -> Result<Vec<String>, kube::Error> {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let list = self.runtime.block_on(pods.list(&ListParams::default()))?;
        let unready = list.items.iter().filter(|pod| !is_ready(pod));
        Ok(unready.map(|pod| format!("{}: {}", pod.name_any(), phase(pod))).collect())
    }

    /// Waits until every node is Ready and so is every pod.
    #[track_caller]
    pub fn until_all_is_well(&self) {
        let start = Instant::now();
        loop {
            let state = self.nodes().and_then(|nodes| Ok((nodes, self.unready_pods()?)));
            if let Ok((nodes, unready)) = &state
                && !nodes.is_empty()
                && nodes.iter().all(|(_, ready)| *ready)
                && unready.is_empty()
            {
                return;
            }
            assert!(start.elapsed() < LIMIT, "all is not well: {state:?}");
            std::thread::sleep(POLL);
        }
    }

    /// Waits until all is well, and none of `old` runs any more.
    #[track_caller]
    pub fn until_all_is_well_without(&self, old: &[String]) {
        let start = Instant::now();
        while self
            .containers()
            .is_ok_and(|now| now.is_empty() || now.iter().any(|id| old.contains(id)))
        {
            assert!(start.elapsed() < LIMIT, "containers still run: {old:?}");
            std::thread::sleep(POLL);
        }
        self.until_all_is_well();
    }

    /// The ids of all containers that run, as the API server has them.
    pub fn containers(&self) -> Result<Vec<String>, kube::Error> {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let list = self.runtime.block_on(pods.list(&ListParams::default()))?;
        let statuses = list.items.into_iter().filter_map(|pod| pod.status?.container_statuses);
        let running = statuses
            .flatten()
            .filter(|one| one.state.as_ref().is_some_and(|state| state.running.is_some()));
        Ok(running.filter_map(|one| one.container_id).collect())
    }

    /// The id of a pod's container, as the API server has it.
    pub fn container(&self, pod: &str) -> Option<String> {
        let found = self.runtime.block_on(self.pods().get(pod)).ok()?;
        found.status?.container_statuses?.into_iter().next()?.container_id
    }

    /// A pod that runs a shell script to its end, in an image that is on the host and nowhere else.
    pub fn run(&self, name: &str, image: &str, script: &str) {
        self.create_pod(name, pod_spec(image, script, "Never"));
    }

    /// The same in an image that is pulled, whatever stores there are.
    pub fn run_pulled(&self, name: &str, image: &str, script: &str) {
        let mut spec = pod_spec(image, script, "Never");
        spec["containers"][0]["imagePullPolicy"] = json!("Always");
        self.create_pod(name, spec);
    }

    /// Waits until a pod's image cannot be pulled, and answers why.
    #[track_caller]
    pub fn why_not_pulled(&self, pod: &str) -> String {
        let waiting = |pod: &Pod| {
            let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
            let waiting = status.state.as_ref()?.waiting.as_ref()?;
            let reasons = ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"];
            let is_pull = waiting.reason.as_deref().is_some_and(|why| reasons.contains(&why));
            waiting.message.clone().filter(|_| is_pull)
        };
        self.until(pod, |pod| waiting(pod).is_some());
        let found = self.runtime.block_on(self.pods().get(pod)).expect("the pod");
        waiting(&found).unwrap_or_default()
    }

    /// A claim of a volume of the default StorageClass.
    pub fn claim(&self, name: &str) {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), NAMESPACE);
        let claim = json!({ "metadata": { "name": name }, "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Mi" } },
        } });
        let claim = serde_json::from_value(claim).expect("a claim");
        self.runtime.block_on(claims.create(&PostParams::default(), &claim)).expect("created");
    }

    /// A pod that runs a shell script to its end, with the volume of a claim at `/volume`.
    pub fn run_with_volume(&self, name: &str, claim: &str, script: &str) {
        let mut spec = pod_spec(NODE_IMAGE, script, "Never");
        spec["volumes"] = json!([{
            "name": "volume", "persistentVolumeClaim": { "claimName": claim },
        }]);
        spec["containers"][0]["volumeMounts"] =
            json!([{ "name": "volume", "mountPath": "/volume" }]);
        self.create_pod(name, spec);
    }

    /// A pod that waits, and is started again whenever it ends.
    pub fn stay(&self, name: &str) {
        self.create_pod(name, pod_spec(NODE_IMAGE, "echo started; exec sleep infinity", "Always"));
    }

    /// A pod on that node which answers every connection to port 8080 with the address that it comes
    /// from, whatever is forbidden there.
    pub fn echo_on(&self, name: &str, node: &str) {
        self.echo_by(name, node, "TCP-LISTEN:8080,fork,reuseaddr");
    }

    /// The same, for connections of every IP family that the pod has.
    pub fn echo_any_family_on(&self, name: &str, node: &str) {
        self.echo_by(name, node, ANY_FAMILY);
    }

    fn echo_by(&self, name: &str, node: &str, listen: &str) {
        let script = format!("exec socat {listen} SYSTEM:'echo $SOCAT_PEERADDR'");
        let mut spec = pod_spec(NODE_IMAGE, &script, "Always");
        spec["nodeName"] = json!(node);
        spec["containers"][0]["readinessProbe"] =
            json!({ "tcpSocket": { "port": 8080 }, "periodSeconds": 1 });
        self.create_pod(name, spec);
    }

    /// A pod that answers every connection to a port of its node with `answer`.
    pub fn serve_on_node(&self, name: &str, port: u16, answer: &str) {
        let script = format!("exec socat TCP-LISTEN:8080,fork,reuseaddr 'SYSTEM:echo {answer}'");
        let mut spec = pod_spec(NODE_IMAGE, &script, "Always");
        spec["containers"][0]["ports"] = json!([{ "containerPort": 8080, "hostPort": port }]);
        self.create_pod(name, spec);
    }

    /// A pod's address.
    pub fn address(&self, pod: &str) -> String {
        let found = self.runtime.block_on(self.pods().get(pod)).expect("the pod");
        found.status.and_then(|status| status.pod_ip).expect("its address")
    }

    /// A pod's addresses of all IP families, the first family's first.
    pub fn addresses(&self, pod: &str) -> Vec<IpAddr> {
        let found = self.runtime.block_on(self.pods().get(pod)).expect("the pod");
        let addresses = found.status.and_then(|status| status.pod_ips).expect("its addresses");
        addresses.iter().map(|one| one.ip.parse().expect("an address")).collect()
    }

    /// A Service's addresses of all IP families, the first family's first.
    pub fn service_addresses(&self, name: &str) -> Vec<IpAddr> {
        let services: Api<Service> = Api::namespaced(self.client.clone(), NAMESPACE);
        let found = self.runtime.block_on(services.get(name)).expect("the Service");
        let addresses = found.spec.and_then(|spec| spec.cluster_ips).expect("its addresses");
        addresses.iter().map(|one| one.parse().expect("an address")).collect()
    }

    /// Creates a ConfigMap with nothing in it.
    pub fn write(&self, name: &str) -> Result<(), kube::Error> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), NAMESPACE);
        let map = ConfigMap {
            metadata: kube::api::ObjectMeta { name: Some(name.into()), ..Default::default() },
            ..ConfigMap::default()
        };
        self.runtime.block_on(maps.create(&PostParams::default(), &map)).map(drop)
    }

    /// The names of all ConfigMaps.
    pub fn written(&self) -> Result<Vec<String>, kube::Error> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), NAMESPACE);
        let list = self.runtime.block_on(maps.list(&ListParams::default()))?;
        Ok(list.items.iter().map(ResourceExt::name_any).collect())
    }

    /// What a pod has printed so far.
    pub fn log(&self, pod: &str) -> String {
        let pods = self.pods();
        self.runtime.block_on(pods.logs(pod, &LogParams::default())).expect("the log")
    }

    fn create_pod(&self, name: &str, spec: serde_json::Value) {
        let pod = json!({ "metadata": { "name": name }, "spec": spec });
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        self.runtime.block_on(self.pods().create(&PostParams::default(), &pod)).expect("created");
    }

    /// A Deployment of a server that answers every connection and every datagram with `answer`, and a
    /// Service in front of it on port 80.
    pub fn serve(&self, name: &str, answer: &str) {
        let spec = json!({});
        self.serve_by(
            name,
            answer,
            &["UDP-LISTEN:8080,fork,reuseaddr", "TCP-LISTEN:8080,fork,reuseaddr"],
            spec,
        );
    }

    /// A server with an address of every IP family that the cluster has, and a port of each node.
    pub fn serve_any_family(&self, name: &str, answer: &str) {
        let spec = json!({ "ipFamilyPolicy": "PreferDualStack", "type": "NodePort" });
        self.serve_by(name, answer, &[ANY_FAMILY], spec);
    }

    /// The port of each node that a Service has.
    pub fn node_port(&self, name: &str) -> u16 {
        let services: Api<Service> = Api::namespaced(self.client.clone(), NAMESPACE);
        let found = self.runtime.block_on(services.get(name)).expect("the Service");
        let ports = found.spec.and_then(|spec| spec.ports).expect("its ports");
        ports[0].node_port.and_then(|port| port.try_into().ok()).expect("a port of the node")
    }

    fn serve_by(&self, name: &str, answer: &str, listen: &[&str], more: serde_json::Value) {
        let listen = listen.iter().map(|listen| format!("socat {listen} 'SYSTEM:echo {answer}'"));
        let script = listen.collect::<Vec<_>>().join(" & exec ");
        let mut spec = pod_spec(NODE_IMAGE, &script, "Always");
        spec["containers"][0]["readinessProbe"] =
            json!({ "tcpSocket": { "port": 8080 }, "periodSeconds": 1 });
        let labels = json!({ "app": name });
        let deployment = json!({
            "metadata": { "name": name },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": spec },
            },
        });
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), NAMESPACE);
        let deployment = serde_json::from_value(deployment).expect("a deployment");
        let params = PostParams::default();
        self.runtime.block_on(deployments.create(&params, &deployment)).expect("created");
        self.expose(name, name, more);
    }

    /// A Service in front of the server `app` on port 80, with more of a specification.
    pub fn expose(&self, name: &str, app: &str, more: serde_json::Value) {
        let mut spec = json!({
            "selector": { "app": app },
            "ports": [{ "port": 80, "targetPort": 8080 }],
        });
        if let (Some(spec), serde_json::Value::Object(more)) = (spec.as_object_mut(), more) {
            spec.extend(more);
        }
        let service = json!({ "metadata": { "name": name }, "spec": spec });
        let service = serde_json::from_value(service).expect("a service");
        let services: Api<Service> = Api::namespaced(self.client.clone(), NAMESPACE);
        let params = PostParams::default();
        self.runtime.block_on(services.create(&params, &service)).expect("created");
    }

    /// Changes a Service by a merge patch.
    pub fn change_service(&self, name: &str, change: serde_json::Value) {
        let services: Api<Service> = Api::namespaced(self.client.clone(), NAMESPACE);
        let (params, change) = (PatchParams::default(), Patch::Merge(change));
        let changed = services.patch(name, &params, &change);
        self.runtime.block_on(changed).expect("changed");
    }

    /// Waits until a new pod, `client`, gets `answer` from a Service by its name.
    #[track_caller]
    pub fn until_served(&self, client: &str, service: &str, answer: &str) {
        let script = format!(
            "until [ \"$(timeout 5 socat -T5 - TCP:{service}:80 </dev/null)\" = {answer} ]
            do sleep 0.2; done; echo reached"
        );
        self.run(client, NODE_IMAGE, &script);
        // A log has both outputs: before the last line may stand what was said of refused attempts.
        let log = self.log_at_end(client);
        assert!(log.ends_with("reached\n"), "{log}");
    }

    /// Fails the test unless two pods made by [`echo_on`](Self::echo_on) reach each other as themselves.
    #[track_caller]
    pub fn assert_reach_each_other(&self, pods: [&str; 2]) {
        pods.iter().for_each(|pod| self.until_ready(pod));
        for (from, to) in [(pods[0], pods[1]), (pods[1], pods[0])] {
            let target = format!("TCP:{}:8080,connect-timeout=5", self.address(to));
            let seen = self.exec(from, &["socat", "-T5", "-,ignoreeof", &target]);
            assert_eq!(seen.trim(), self.address(from), "{from} to {to}");
        }
    }

    /// A Service, as it is now.
    pub fn service(&self, name: &str) -> Service {
        let services: Api<Service> = Api::namespaced(self.client.clone(), NAMESPACE);
        self.runtime.block_on(services.get(name)).expect("the service")
    }

    /// What was said about an object, by its name.
    pub fn events(&self, about: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), NAMESPACE);
        let params = ListParams::default().fields(&format!("involvedObject.name={about}"));
        let list = self.runtime.block_on(events.list(&params)).expect("events");
        list.items.into_iter().filter_map(|event| event.message).collect()
    }

    /// Waits until a pod has run to its end, and answers its log.
    #[track_caller]
    pub fn log_at_end(&self, pod: &str) -> String {
        self.until(pod, |pod| phase(pod) == "Succeeded" || phase(pod) == "Failed");
        self.log(pod)
    }

    /// Waits until a pod is ready.
    #[track_caller]
    pub fn until_ready(&self, pod: &str) {
        self.until(pod, |pod| is_ready(pod) && phase(pod) == "Running");
    }

    /// Runs a command inside a pod, and answers its standard output.
    #[track_caller]
    pub fn exec(&self, pod: &str, command: &[&str]) -> String {
        let pods = self.pods();
        let params = AttachParams::default().stderr(false);
        self.runtime.block_on(async {
            let mut process = pods.exec(pod, command.iter().copied(), &params).await.expect("exec");
            let mut text = String::new();
            let mut stdout = process.stdout().expect("standard output was asked for");
            stdout.read_to_string(&mut text).await.expect("its output");
            process.join().await.expect("its end");
            text
        })
    }

    /// Deletes a pod at once.
    pub fn delete(&self, pod: &str) {
        let params = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        let pods = self.pods();
        let _ = self.runtime.block_on(pods.delete(pod, &params)).expect("deleted");
    }

    #[track_caller]
    fn until(&self, pod: &str, condition: impl Fn(&Pod) -> bool) {
        let start = Instant::now();
        loop {
            let pods = self.pods();
            let state = self.runtime.block_on(pods.get(pod));
            if state.as_ref().is_ok_and(&condition) {
                return;
            }
            if start.elapsed() > LIMIT {
                let state = state.map(|pod| pod.status);
                panic!("pod `{pod}` is still like this: {state:#?}");
            }
            std::thread::sleep(POLL);
        }
    }
}

fn pod_spec(image: &str, script: &str, restart: &str) -> serde_json::Value {
    json!({
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": 0,
        "containers": [{
            "name": "main",
            "image": image,
            // There is no registry that could be asked for it.
            "imagePullPolicy": "Never",
            "command": ["/bin/bash", "-c", script],
        }],
    })
}

fn phase(pod: &Pod) -> &str {
    let status = pod.status.as_ref();
    status.and_then(|status| status.phase.as_deref()).unwrap_or("Unknown")
}

/// Ready, or done with what it had to do.
fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"));
    ready || phase(pod) == "Succeeded"
}
