//! Collection of everything that may explain a failure.

use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::api::{Api, DynamicObject, ListParams, LogParams, TypeMeta};
use kube::core::ApiResource;
use kube::discovery::{Discovery, Scope, verbs};
use kube::{Client, Resource};
use serde_json::Value;

use super::report::Report;
use super::summary;
use crate::engine_api::error_chain;
use crate::json::{int, list, text, to_json};
use crate::lease::ClusterLease;

/// Units whose journals are collected.
const UNITS: [&str; 2] = ["kubelet", "crio"];

/// Collects everything, most useful parts first.
pub(super) async fn all(
    lease: &ClusterLease,
    namespace: Option<&str>,
    started: SystemTime,
    report: &mut Report,
) {
    let client = &lease.client;
    if let Some(namespace) = namespace {
        let pods = workloads(client, namespace, report).await;
        events(client, namespace, report).await;
        for pod in &pods {
            logs(client, namespace, pod, report).await;
        }
        objects(client, namespace, report).await;
    }
    nodes(client, report).await;
    journals(lease, started, report).await;
}

/// Lists the objects of type `K` as JSON: in the namespace, or all.
async fn list_all<K: Resource<DynamicType = ()>>(
    client: &Client,
    namespace: Option<&str>,
    report: &mut Report,
) -> Vec<Value> {
    // Parsing into `K` would compile all of its fields, which takes seconds.
    list_resource(client, namespace, &ApiResource::erase::<K>(&()), report).await
}

async fn list_resource(
    client: &Client,
    namespace: Option<&str>,
    resource: &ApiResource,
    report: &mut Report,
) -> Vec<Value> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    let response = api.list(&ListParams::default()).await;
    let items = report.ok(&resource.plural, response).map(|list| list.items).unwrap_or_default();
    items.iter().map(to_json).collect()
}

/// Summarizes Deployments and Pods, and returns the Pods.
async fn workloads(client: &Client, namespace: &str, report: &mut Report) -> Vec<Value> {
    let deployments = list_all::<Deployment>(client, Some(namespace), report).await;
    report.add_summary(summary::deployments(&deployments));
    let pods = list_all::<Pod>(client, Some(namespace), report).await;
    report.add_summary(summary::pods(&pods));
    pods
}

async fn events(client: &Client, namespace: &str, report: &mut Report) {
    let mut events = list_all::<Event>(client, Some(namespace), report).await;
    events.sort_by_key(summary::event_time);
    report.add_summary(summary::warnings(&events));
    let lines = events.iter().map(|event| {
        let kind = text(&event["type"]).unwrap_or("?");
        format!("{} {kind} {}\n", summary::event_time(event), summary::event(event))
    });
    report.write("events.txt", &lines.collect::<String>());
}

/// Collects the logs of all containers of a pod, and the previous logs of restarted ones.
async fn logs(client: &Client, namespace: &str, pod: &Value, report: &mut Report) {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let Some(name) = text(&pod["metadata"]["name"]) else { return };
    let statuses = ["initContainerStatuses", "containerStatuses"];
    for container in statuses.iter().flat_map(|key| list(&pod["status"][*key])) {
        let started = container["state"].get("waiting").is_none();
        let restarted = int(&container["restartCount"], 0) > 0;
        for (exists, previous, suffix) in [(started, false, ""), (restarted, true, ".previous")] {
            if !exists {
                continue;
            }
            let container = text(&container["name"]).unwrap_or_default().to_owned();
            let file = format!("logs/{name}.{container}{suffix}.log");
            let container = Some(container);
            let params =
                LogParams { container, previous, timestamps: true, ..LogParams::default() };
            let response = api.logs(name, &params).await;
            if let Some(text) = report.ok(&file, response) {
                report.write(&file, &text);
            }
        }
    }
}

/// Collects all objects of the namespace as YAML; of Secrets only the keys.
async fn objects(client: &Client, namespace: &str, report: &mut Report) {
    let discovered = Discovery::new(client.clone()).exclude(&["events.k8s.io"]).run_aggregated();
    let Some(discovery) = report.ok("API discovery", discovered.await) else { return };
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            let collected = capabilities.scope == Scope::Namespaced
                && capabilities.supports_operation(verbs::LIST)
                && resource.kind != "Event";
            if collected {
                objects_of_kind(client, namespace, &resource, report).await;
            }
        }
    }
}

async fn objects_of_kind(
    client: &Client,
    namespace: &str,
    resource: &ApiResource,
    report: &mut Report,
) {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, resource);
    let response = api.list(&ListParams::default()).await;
    let Some(list) = report.ok(&resource.plural, response) else { return };
    for mut object in list.items {
        // The items of a list may omit their types.
        object.types.get_or_insert_with(|| TypeMeta {
            api_version: resource.api_version.clone(),
            kind: resource.kind.clone(),
        });
        object.metadata.managed_fields = None;
        if resource.kind == "Secret" && resource.group.is_empty() {
            redact(&mut object.data);
        }
        let name = object.metadata.name.clone().unwrap_or_default();
        report.write_yaml(&format!("objects/{}.{name}.yaml", resource.plural), &to_json(&object));
    }
}

/// Replaces the values of a Secret.
fn redact(secret: &mut Value) {
    for field in ["data", "stringData"] {
        let values = secret.get_mut(field).and_then(Value::as_object_mut);
        for value in values.into_iter().flat_map(serde_json::Map::values_mut) {
            *value = "(redacted)".into();
        }
    }
}

async fn nodes(client: &Client, report: &mut Report) {
    for node in list_all::<Node>(client, None, report).await {
        report.add_summary(summary::node(&node));
        let name = text(&node["metadata"]["name"]).unwrap_or("?");
        report.write_yaml(&format!("nodes/{name}.yaml"), &node["status"]);
    }
}

/// Collects the journals of all nodes since the test began.
async fn journals(lease: &ClusterLease, started: SystemTime, report: &mut Report) {
    let source = lease.source;
    if source.external_cluster().is_some() {
        return;
    }
    let nodes = match source.nodes(&lease.name).await {
        Ok(nodes) => nodes,
        Err(error) => return report.add_error("journals", &error_chain(&error)),
    };
    let since = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let since = format!("--since=@{since}");
    for node in nodes {
        for unit in UNITS {
            let command =
                ["journalctl", "--no-pager", "--output=short-precise", &since, "-u", unit];
            match source.exec(&node, &command).await {
                Ok(output) => report.write(format!("nodes/{node}.{unit}.log"), &output.stdout),
                Err(error) => {
                    report.add_error(&format!("journal of {unit}"), &error_chain(&error));
                }
            }
        }
    }
}
