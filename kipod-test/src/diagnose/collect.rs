//! Everything that may say why a test failed, as files.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::api::{Api, DynamicObject, ListParams, LogParams};
use kube::discovery::{Discovery, Scope, verbs};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Scene, summary};
use crate::error::chain;
use crate::view::{int, list, text, view};

/// The units whose journals are collected.
const UNITS: [&str; 2] = ["kubelet", "crio"];

/// What is being collected.
pub(super) struct Report {
    folder: PathBuf,
    summary: Vec<String>,
    faults: Vec<String>,
}

impl Report {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, summary: Vec::new(), faults: Vec::new() }
    }

    /// Something could not be collected. The rest goes on.
    pub(super) fn fault(&mut self, what: &str, why: &str) {
        self.faults.push(format!("{what}: {why}"));
    }

    fn write(&mut self, path: impl AsRef<Path>, text: &str) {
        let path = self.folder.join(path);
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = folder.and_then(|()| std::fs::write(&path, text)) {
            self.fault(&path.display().to_string(), &error.to_string());
        }
    }

    /// The items of a list, or none and a fault.
    fn items<T>(&mut self, what: &str, listed: kube::Result<T>) -> Option<T> {
        listed.map_err(|error| self.fault(what, &chain(&error))).ok()
    }

    /// The summary, with what could not be collected at its end.
    pub(super) fn finish(mut self) -> Vec<String> {
        if !self.faults.is_empty() {
            let text = self.faults.join("\n") + "\n";
            self.write("missing.txt", &text);
            let n = self.faults.len();
            self.summary.push(format!("{n} of the diagnostics are missing: see missing.txt"));
        }
        let text = self.summary.join("\n") + "\n";
        self.write("summary.txt", &text);
        self.summary
    }
}

/// Collects everything, what says most first.
pub(super) async fn all(scene: &Scene, report: &mut Report) {
    if let Some(namespace) = &scene.namespace {
        let pods = workloads(scene, namespace, report).await;
        events(scene, namespace, report).await;
        for pod in &pods {
            logs(scene, namespace, pod, report).await;
        }
        objects(scene, namespace, report).await;
    }
    nodes(scene, report).await;
    journals(scene, report).await;
}

/// Every object that is listed, as JSON.
async fn listed<K>(what: &str, api: &Api<K>, report: &mut Report) -> Vec<Value>
where
    K: Clone + Debug + DeserializeOwned + Serialize,
{
    let found = api.list(&ListParams::default()).await;
    let items = report.items(what, found).map(|list| list.items).unwrap_or_default();
    items.iter().map(view).collect()
}

async fn workloads(scene: &Scene, namespace: &str, report: &mut Report) -> Vec<Value> {
    let client = &scene.held.hold.client;
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let deployments = listed("deployments", &api, report).await;
    report.summary.extend(summary::deployments(&deployments));
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let pods = listed("pods", &api, report).await;
    report.summary.extend(summary::pods(&pods));
    pods
}

async fn events(scene: &Scene, namespace: &str, report: &mut Report) {
    let api: Api<Event> = Api::namespaced(scene.held.hold.client.clone(), namespace);
    let mut events = listed("events", &api, report).await;
    events.sort_by_key(summary::event_time);
    report.summary.extend(summary::warnings(&events));
    let lines = events.iter().map(|event| {
        let kind = text(&event["type"]).unwrap_or("?");
        format!("{} {kind} {}\n", summary::event_time(event), summary::event_line(event))
    });
    report.write("events.txt", &lines.collect::<String>());
}

async fn logs(scene: &Scene, namespace: &str, pod: &Value, report: &mut Report) {
    let api: Api<Pod> = Api::namespaced(scene.held.hold.client.clone(), namespace);
    let Some(name) = text(&pod["metadata"]["name"]) else { return };
    let containers = ["initContainerStatuses", "containerStatuses"];
    for container in containers.iter().flat_map(|key| list(&pod["status"][*key])) {
        let started = container["state"].get("waiting").is_none();
        let again = int(&container["restartCount"], 0) > 0;
        for (wanted, previous, suffix) in [(started, false, ""), (again, true, ".previous")] {
            if !wanted {
                continue;
            }
            let container = text(&container["name"]).unwrap_or_default().to_owned();
            let file = format!("logs/{name}.{container}{suffix}.log");
            let container = Some(container);
            let params =
                LogParams { container, previous, timestamps: true, ..LogParams::default() };
            let found = api.logs(name, &params).await;
            if let Some(text) = report.items(&file, found) {
                report.write(&file, &text);
            }
        }
    }
}

/// Every object of the namespace, of whatever kind, as YAML; of Secrets the keys alone.
async fn objects(scene: &Scene, namespace: &str, report: &mut Report) {
    let client = &scene.held.hold.client;
    let discovered = Discovery::new(client.clone()).exclude(&["events.k8s.io"]).run_aggregated();
    let Some(discovery) = report.items("kinds", discovered.await) else { return };
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            let listed = capabilities.scope == Scope::Namespaced
                && capabilities.supports_operation(verbs::LIST)
                && resource.kind != "Event";
            if !listed {
                continue;
            }
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), namespace, &resource);
            let found = api.list(&ListParams::default()).await;
            let Some(list) = report.items(&resource.plural, found) else { continue };
            for mut object in list.items {
                // A list does not repeat what its items are.
                object.types.get_or_insert_with(|| kube::api::TypeMeta {
                    api_version: resource.api_version.clone(),
                    kind: resource.kind.clone(),
                });
                object.metadata.managed_fields = None;
                if resource.kind == "Secret" && resource.group.is_empty() {
                    redact(&mut object.data);
                }
                let name = object.metadata.name.clone().unwrap_or_default();
                let file = format!("objects/{}.{name}.yaml", resource.plural);
                write_yaml(report, &file, &object);
            }
        }
    }
}

fn redact(data: &mut serde_json::Value) {
    for field in ["data", "stringData"] {
        let values = data.get_mut(field).and_then(serde_json::Value::as_object_mut);
        for value in values.into_iter().flat_map(serde_json::Map::values_mut) {
            *value = "(left out)".into();
        }
    }
}

async fn nodes(scene: &Scene, report: &mut Report) {
    let api: Api<Node> = Api::all(scene.held.hold.client.clone());
    for node in listed("nodes", &api, report).await {
        report.summary.extend(summary::node(&node));
        let name = text(&node["metadata"]["name"]).unwrap_or("?");
        write_yaml(report, &format!("nodes/{name}.yaml"), &node["status"]);
    }
}

async fn journals(scene: &Scene, report: &mut Report) {
    let source = scene.held.source;
    if source.only().is_some() {
        return;
    }
    let nodes = match source.nodes(&scene.held.name).await {
        Ok(nodes) => nodes,
        Err(error) => return report.fault("journals", &error.to_string()),
    };
    let since = scene.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let since = format!("--since=@{since}");
    for node in nodes {
        for unit in UNITS {
            let command =
                ["journalctl", "--no-pager", "--output=short-precise", &since, "-u", unit];
            match source.exec(&node, &command).await {
                Ok(output) => report.write(format!("nodes/{node}.{unit}.log"), &output.stdout),
                Err(error) => report.fault(&format!("journal of {unit}"), &error.to_string()),
            }
        }
    }
}

fn write_yaml(report: &mut Report, file: &str, value: &impl Serialize) {
    match serde_saphyr::to_string(value) {
        Ok(text) => report.write(file, &text),
        Err(error) => report.fault(file, &error.to_string()),
    }
}
