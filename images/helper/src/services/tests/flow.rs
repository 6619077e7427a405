//! Requests of the controller.

use std::sync::Mutex;
use std::sync::mpsc::Receiver;

use serde_json::{Value, json};
use ureq::tls::TlsConfig;

use super::super::api::{Api, ApiError};
use super::super::controller::Controller;
use super::server::{self, Request};
use super::settings;

const LIST: &str = "GET /api/v1/services?fieldSelector=spec.type%3DLoadBalancer";
const WEB: &str = "/api/v1/namespaces/default/services/web";

/// A Service and its resource version.
fn service(name: &str, version: &str, ports: Value) -> Value {
    json!({
        "metadata": { "name": name, "namespace": "default", "uid": "1", "resourceVersion": version },
        "spec": { "type": "LoadBalancer", "ipFamilies": ["IPv4"], "ports": ports },
        "status": { "loadBalancer": {} },
    })
}

fn tcp() -> Value {
    json!([{ "port": 80, "protocol": "TCP", "nodePort": 31_000 }])
}

fn udp() -> Value {
    json!([{ "port": 53, "protocol": "UDP", "nodePort": 31_053 }])
}

fn list(items: Value) -> String {
    json!({ "kind": "ServiceList", "metadata": { "resourceVersion": "10" }, "items": items })
        .to_string()
}

fn event(kind: &str, object: Value) -> String {
    format!("{}\n", json!({ "type": kind, "object": object }))
}

fn expired() -> String {
    event("ERROR", status(410, "too old resource version"))
}

fn status(code: u16, message: &str) -> Value {
    json!({ "kind": "Status", "metadata": {}, "code": code, "message": message })
}

/// Runs the controller against a server that gives these responses in their order, until Services
/// have to be listed again.
fn run(responses: Vec<(u16, String)>) -> (Result<(), ApiError>, Vec<Request>) {
    let responses = Mutex::new(responses.into_iter());
    let (address, requests) = server::start(move |line| {
        responses.lock().unwrap().next().unwrap_or_else(|| panic!("{line}"))
    });
    let api = Api::new(format!("http://{address}"), TlsConfig::default());
    let result = Controller::new(settings()).list_and_watch(&api);
    (result, all(&requests))
}

fn all(requests: &Receiver<Request>) -> Vec<Request> {
    requests.try_iter().collect()
}

fn lines(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.line.as_str()).collect()
}

fn watch(version: &str, seconds: u32) -> String {
    format!(
        "{LIST}&watch=true&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={seconds}"
    )
}

fn ok() -> (u16, String) {
    (200, "{}".to_owned())
}

#[test]
fn listed_and_watched_services_get_the_address() {
    let events = event("ADDED", service("api", "11", tcp()))
        + &event("DELETED", service("api", "12", tcp()))
        + &event("BOOKMARK", json!({ "metadata": { "resourceVersion": "20" } }));
    let (result, requests) = run(vec![
        (200, list(json!([service("web", "5", tcp())]))),
        ok(),
        (200, events),
        ok(),
        (200, expired()),
    ]);
    result.unwrap();
    let patch = |name: &str| format!("PATCH /api/v1/namespaces/default/services/{name}/status");
    assert_eq!(
        lines(&requests),
        [LIST, &patch("web"), &watch("10", 300), &patch("api"), &watch("20", 300)]
    );
    assert_eq!(requests[1].content_type, "application/merge-patch+json");
    assert_eq!(
        requests[1].body,
        json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "127.77.0.1", "ipMode": "Proxy" }] } } })
    );
}

#[test]
fn a_deleted_service_is_no_failure() {
    let (result, requests) = run(vec![
        (200, list(json!([service("web", "5", tcp())]))),
        (404, status(404, "services \"web\" not found").to_string()),
        (410, status(410, "too old").to_string()),
    ]);
    result.unwrap();
    assert_eq!(lines(&requests)[2], watch("10", 300));
}

#[test]
fn a_failed_service_is_listed_again_after_a_delay() {
    let (result, requests) = run(vec![
        (200, list(json!([service("web", "5", tcp())]))),
        (500, status(500, "etcd").to_string()),
        // Others are served meanwhile.
        (200, event("ADDED", service("api", "11", tcp()))),
        ok(),
    ]);
    result.unwrap();
    assert_eq!(lines(&requests)[2], watch("10", 1));
}

#[test]
fn a_failure_during_the_watch_shortens_it() {
    let (result, requests) = run(vec![
        (200, list(json!([]))),
        (200, event("ADDED", service("web", "11", tcp()))),
        (500, status(500, "etcd").to_string()),
        (200, event("ADDED", service("api", "12", tcp()))),
        ok(),
    ]);
    result.unwrap();
    assert_eq!(lines(&requests)[1], watch("10", 300));
    assert_eq!(lines(&requests)[3], watch("11", 1));
}

#[test]
fn a_udp_port_is_moved_to_the_first_free_one() {
    let allocated = "Service \"web\" is invalid: spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated";
    let (result, requests) = run(vec![
        (200, list(json!([service("web", "5", udp())]))),
        (422, status(422, allocated).to_string()),
        ok(),
        (200, expired()),
    ]);
    result.unwrap();
    let patch = format!("PATCH {WEB}");
    assert_eq!(lines(&requests), [LIST, &patch, &patch, &watch("10", 300)]);
    assert_eq!(requests[1].content_type, "application/json-patch+json");
    let expected = |port: u16| {
        json!([
            { "op": "test", "path": "/spec/ports/0/nodePort", "value": 31_053 },
            { "op": "replace", "path": "/spec/ports/0/nodePort", "value": port },
        ])
    };
    assert_eq!([&requests[1].body, &requests[2].body], [&expected(30_001), &expected(30_003)]);
}

#[test]
fn a_udp_port_without_a_free_one_gets_an_event() {
    let allocated = || (422, status(422, "provided port is already allocated").to_string());
    let (result, requests) = run(vec![
        (200, list(json!([service("web", "5", udp())]))),
        allocated(),
        allocated(),
        (409, status(409, "events \"web.1.a\" already exists").to_string()),
        (200, expired()),
    ]);
    result.unwrap();
    assert_eq!(lines(&requests)[3], "POST /api/v1/namespaces/default/events");
    assert_eq!(lines(&requests)[4], watch("10", 300), "an existing event is no failure");
    let event = &requests[3].body;
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["reason"], "NoAddress");
    assert_eq!(event["source"]["component"], "kipod");
    assert_eq!(event["involvedObject"]["uid"], "1");
    let name = event["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("web.1."), "{name}");
    let time = event["firstTimestamp"].as_str().unwrap();
    assert_eq!((time.len(), time.ends_with('Z')), (20, true), "{time}");
}

#[test]
fn local_traffic_counts_the_nodes() {
    let mut local = service("web", "5", tcp());
    local["spec"]["externalTrafficPolicy"] = json!("Local");
    let (result, requests) = run(vec![
        (200, list(json!([local]))),
        (200, list(json!([{ "metadata": {} }, { "metadata": {} }]))),
        ok(),
        ok(),
        (200, expired()),
    ]);
    result.unwrap();
    assert_eq!(
        lines(&requests)[1..4],
        [
            "GET /api/v1/nodes?limit=2",
            "POST /api/v1/namespaces/default/events",
            &format!("PATCH {WEB}/status"),
        ]
    );
    assert_eq!(requests[2].body["reason"], "LocalTraffic");
}

#[test]
fn a_failed_list_and_an_empty_watch_are_errors() {
    let (result, _) = run(vec![(403, status(403, "forbidden").to_string())]);
    assert_eq!(result.unwrap_err().code(), Some(403));
    let (result, _) = run(vec![(200, list(json!([]))), (200, String::new())]);
    assert!(matches!(result, Err(ApiError::ShortWatch)));
}
