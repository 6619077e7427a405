//! Everything that may say why a test failed, as files.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Node, Pod};
use kube::api::{Api, DynamicObject, ListParams, LogParams};
use kube::discovery::{Discovery, Scope, verbs};
use serde::Serialize;

use super::{Scene, summary};
use crate::error::chain;

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

async fn workloads(scene: &Scene, namespace: &str, report: &mut Report) -> Vec<Pod> {
    let client = &scene.held.client;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let listed = deployments.list(&ListParams::default()).await;
    if let Some(deployments) = report.items("deployments", listed) {
        report.summary.extend(summary::deployments(&deployments.items));
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let listed = pods.list(&ListParams::default()).await;
    let pods = report.items("pods", listed).map(|pods| pods.items).unwrap_or_default();
    report.summary.extend(summary::pods(&pods));
    pods
}

async fn events(scene: &Scene, namespace: &str, report: &mut Report) {
    let api: Api<Event> = Api::namespaced(scene.held.client.clone(), namespace);
    let listed = api.list(&ListParams::default()).await;
    let Some(mut events) = report.items("events", listed).map(|events| events.items) else {
        return;
    };
    events.sort_by_key(time);
    report.summary.extend(summary::warnings(&events));
    let lines = events.iter().map(|event| {
        let kind = event.type_.as_deref().unwrap_or("?");
        format!("{} {kind} {}\n", time(event), summary::event_line(event))
    });
    report.write("events.txt", &lines.collect::<String>());
}

/// When it happened last, as RFC 3339 in UTC, which sorts as text.
fn time(event: &Event) -> String {
    let text = |value: Option<serde_json::Value>| value?.as_str().map(str::to_owned);
    let json = |time: &dyn erased::Json| time.json();
    let last = event.last_timestamp.as_ref().and_then(|time| text(json(time)));
    let first = event.event_time.as_ref().and_then(|time| text(json(time)));
    last.or(first).unwrap_or_default()
}

/// Times of Kubernetes are of several types, which have their text in common.
mod erased {
    pub(super) trait Json {
        fn json(&self) -> Option<serde_json::Value>;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> Option<serde_json::Value> {
            serde_json::to_value(self).ok()
        }
    }
}

async fn logs(scene: &Scene, namespace: &str, pod: &Pod, report: &mut Report) {
    let api: Api<Pod> = Api::namespaced(scene.held.client.clone(), namespace);
    let (Some(name), Some(status)) = (&pod.metadata.name, &pod.status) else { return };
    let all = |list: &Option<Vec<ContainerStatus>>| list.clone().unwrap_or_default();
    let containers =
        [all(&status.init_container_statuses), all(&status.container_statuses)].concat();
    for container in containers {
        let started = container.state.as_ref().is_some_and(|state| state.waiting.is_none());
        let again = container.restart_count > 0;
        for (wanted, previous, suffix) in [(started, false, ""), (again, true, ".previous")] {
            if !wanted {
                continue;
            }
            let container = container.name.clone();
            let file = format!("logs/{name}.{container}{suffix}.log");
            let params = LogParams {
                container: Some(container),
                previous,
                timestamps: true,
                ..LogParams::default()
            };
            let found = api.logs(name, &params).await;
            if let Some(text) = report.items(&file, found) {
                report.write(&file, &text);
            }
        }
    }
}

/// Every object of the namespace, of whatever kind, as YAML; of Secrets the keys alone.
async fn objects(scene: &Scene, namespace: &str, report: &mut Report) {
    let client = &scene.held.client;
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
    let api: Api<Node> = Api::all(scene.held.client.clone());
    let listed = api.list(&ListParams::default()).await;
    let Some(nodes) = report.items("nodes", listed) else { return };
    for node in nodes.items {
        let name = node.metadata.name.clone().unwrap_or_default();
        let status = node.status.clone().unwrap_or_default();
        for one in status.conditions.clone().unwrap_or_default() {
            // Ready has to be true, and every pressure false.
            if (one.status == "True") != (one.type_ == "Ready") {
                let message = one.message.as_deref().unwrap_or("no message");
                report
                    .summary
                    .push(format!("node {name}: {}={}: {message}", one.type_, one.status));
            }
        }
        write_yaml(report, &format!("nodes/{name}.yaml"), &status);
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
