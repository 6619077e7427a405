//! Services and the servers behind them.

use std::net::IpAddr;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::ClusterClient;
use super::pods::{ANY_FAMILY, pod_spec, readiness_probe};
use crate::NODE_IMAGE;

impl ClusterClient {
    /// Creates a Deployment that replies to every connection and datagram with `reply`, and a Service
    /// for it on port 80.
    pub fn create_server(&self, name: &str, reply: &str) {
        let listen = ["UDP-LISTEN:8080,fork,reuseaddr", "TCP-LISTEN:8080,fork,reuseaddr"];
        self.create_deployment(name, reply, &listen);
        self.create_service(name, name, json!({}));
    }

    /// Creates a server with an address of every IP family of the cluster, and a node port.
    pub fn create_any_family_server(&self, name: &str, reply: &str) {
        self.create_deployment(name, reply, &[ANY_FAMILY]);
        let spec = json!({ "ipFamilyPolicy": "PreferDualStack", "type": "NodePort" });
        self.create_service(name, name, spec);
    }

    fn create_deployment(&self, name: &str, reply: &str, listen: &[&str]) {
        let listen = listen.iter().map(|listen| format!("socat {listen} 'SYSTEM:echo {reply}'"));
        let script = listen.collect::<Vec<_>>().join(" & exec ");
        let mut spec = pod_spec(NODE_IMAGE, &script, "Always");
        spec["containers"][0]["readinessProbe"] = readiness_probe();
        let labels = json!({ "app": name });
        let deployment = json!({
            "metadata": { "name": name },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": spec },
            },
        });
        let deployment: Deployment = serde_json::from_value(deployment).expect("a deployment");
        let (deployments, params) = (self.api::<Deployment>(), PostParams::default());
        self.runtime.block_on(deployments.create(&params, &deployment)).expect("created");
    }

    /// Creates a Service on port 80 for the server `app`. `spec` adds or replaces fields.
    pub fn create_service(&self, name: &str, app: &str, spec: Value) {
        let mut merged = json!({
            "selector": { "app": app },
            "ports": [{ "port": 80, "targetPort": 8080 }],
        });
        if let (Some(merged), Value::Object(spec)) = (merged.as_object_mut(), spec) {
            merged.extend(spec);
        }
        let service = json!({ "metadata": { "name": name }, "spec": merged });
        let service: Service = serde_json::from_value(service).expect("a service");
        let services = self.api::<Service>();
        self.runtime.block_on(services.create(&PostParams::default(), &service)).expect("created");
    }

    /// Applies a merge patch to a Service.
    pub fn patch_service(&self, name: &str, patch: Value) {
        let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
        let services = self.api::<Service>();
        self.runtime.block_on(services.patch(name, &params, &patch)).expect("patched");
    }

    /// Returns a Service.
    pub fn service(&self, name: &str) -> Service {
        self.runtime.block_on(self.api::<Service>().get(name)).expect("the service")
    }

    /// Returns the cluster IP addresses of a Service, the primary family first.
    pub fn cluster_ips(&self, service: &str) -> Vec<IpAddr> {
        let ips = self.service(service).spec.and_then(|spec| spec.cluster_ips);
        let ips = ips.expect("cluster IPs");
        ips.iter().map(|one| one.parse().expect("an IP address")).collect()
    }

    /// Returns the first node port of a Service.
    pub fn node_port(&self, service: &str) -> u16 {
        let ports = self.service(service).spec.and_then(|spec| spec.ports).expect("ports");
        ports[0].node_port.and_then(|port| port.try_into().ok()).expect("a node port")
    }

    /// Creates a pod that waits until a Service replies with `reply` at its DNS name. Fails the test
    /// if it does not complete.
    #[track_caller]
    pub fn assert_served(&self, client_pod: &str, service: &str, reply: &str) {
        let script = format!(
            "until [ \"$(timeout 5 socat -T5 - TCP:{service}:80 </dev/null)\" = {reply} ]
            do sleep 0.2; done; echo reached"
        );
        self.run_pod(client_pod, NODE_IMAGE, &script);
        // The log starts with the errors of refused attempts, if there were any.
        let log = self.wait_pod_completed(client_pod);
        assert!(log.ends_with("reached\n"), "{log}");
    }
}
