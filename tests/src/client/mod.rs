//! A client of a cluster's API server with a blocking interface.

mod pods;
mod services;

use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod};
use kube::api::{Api, ListParams, ObjectMeta, PostParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use tokio::runtime::Runtime;

/// Timeout for pods to start and for the cluster to become ready.
const TIMEOUT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const NAMESPACE: &str = "default";

/// A client of one cluster, with its own runtime.
pub struct ClusterClient {
    runtime: Runtime,
    client: Client,
}

impl std::fmt::Debug for ClusterClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClusterClient")
    }
}

impl ClusterClient {
    /// Creates a client for the current context of a kubeconfig.
    pub fn connect(kubeconfig: &Path) -> Self {
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

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// Returns the version of the API server, such as `v1.36.2`.
    pub fn version(&self) -> String {
        self.runtime.block_on(self.client.apiserver_version()).expect("a version").git_version
    }

    /// Returns the name of each node, and whether the node is Ready.
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

    /// Waits until every node and every pod is ready.
    #[track_caller]
    pub fn wait_ready(&self) {
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
            assert!(start.elapsed() < TIMEOUT, "not ready: {state:?}");
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits until every node and every pod is ready, and none of the `old` containers is running.
    #[track_caller]
    pub fn wait_ready_without(&self, old: &[String]) {
        let start = Instant::now();
        while self
            .running_containers()
            .is_ok_and(|now| now.is_empty() || now.iter().any(|id| old.contains(id)))
        {
            assert!(start.elapsed() < TIMEOUT, "containers are still running: {old:?}");
            std::thread::sleep(POLL_INTERVAL);
        }
        self.wait_ready();
    }

    /// Creates a claim for a volume of the default StorageClass.
    pub fn create_volume_claim(&self, name: &str) {
        let claim = json!({ "metadata": { "name": name }, "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Mi" } },
        } });
        let claim: PersistentVolumeClaim = serde_json::from_value(claim).expect("a claim");
        let claims = self.api::<PersistentVolumeClaim>();
        self.runtime.block_on(claims.create(&PostParams::default(), &claim)).expect("created");
    }

    /// Creates an empty ConfigMap.
    pub fn create_config_map(&self, name: &str) -> Result<(), kube::Error> {
        let map = ConfigMap {
            metadata: ObjectMeta { name: Some(name.into()), ..Default::default() },
            ..ConfigMap::default()
        };
        let maps = self.api::<ConfigMap>();
        self.runtime.block_on(maps.create(&PostParams::default(), &map)).map(drop)
    }

    /// Returns the names of all ConfigMaps.
    pub fn config_maps(&self) -> Result<Vec<String>, kube::Error> {
        let list = self.runtime.block_on(self.api::<ConfigMap>().list(&ListParams::default()))?;
        Ok(list.items.iter().map(ResourceExt::name_any).collect())
    }

    /// Returns the messages of the events about an object.
    pub fn events(&self, object: &str) -> Vec<String> {
        let params = ListParams::default().fields(&format!("involvedObject.name={object}"));
        let list = self.runtime.block_on(self.api::<Event>().list(&params)).expect("events");
        list.items.into_iter().filter_map(|event| event.message).collect()
    }

    fn all_pods(&self) -> Result<Vec<Pod>, kube::Error> {
        let pods: Api<Pod> = Api::all(self.client.clone());
        Ok(self.runtime.block_on(pods.list(&ListParams::default()))?.items)
    }
}
