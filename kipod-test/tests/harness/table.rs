//! A table of clusters with the API servers they stand for: namespaces, and nothing in them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

/// How long creating a cluster takes, so that others come meanwhile.
const CREATION: Duration = Duration::from_millis(150);

/// What happened so far, and what there is.
#[derive(Default)]
pub(crate) struct Content {
    /// The clusters there are, each with the labels of its namespaces.
    pub(crate) clusters: BTreeMap<String, BTreeMap<String, Value>>,
    /// What tells each cluster from another of its name, and its version.
    pub(crate) identities: BTreeMap<String, String>,
    /// The clusters that do not answer.
    pub(crate) silent: BTreeSet<String>,
    /// The one method by which sources of clusters are kept waiting: `POST` or `DELETE`.
    pub(crate) stalled: Option<&'static str>,
    /// Whether clusters cannot be deleted just now, and how often that was tried in vain.
    pub(crate) undeletable: Option<usize>,
    /// The names of the clusters that were created, in order.
    pub(crate) created: Vec<String>,
    /// The names of the namespaces that were created, in order.
    pub(crate) namespaces: Vec<String>,
    /// The names of the namespaces that were deleted one by one.
    pub(crate) deleted: Vec<String>,
    /// The objects that were applied, as `NAMESPACE/NAME`.
    pub(crate) applied: Vec<String>,
    /// The tests whose bodies ran: name, process, parent.
    pub(crate) arrived: Vec<(String, i32, i32)>,
    /// Whether tests that hang may end.
    pub(crate) go: bool,
}

/// The table, served on an address of its own.
pub(crate) struct Table {
    pub(crate) address: SocketAddr,
    content: Arc<Mutex<Content>>,
}

impl Table {
    pub(crate) fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let content = Arc::new(Mutex::new(Content::default()));
        let shared = content.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let content = shared.clone();
                std::thread::spawn(move || serve(&stream, &content));
            }
        });
        Self { address, content }
    }

    pub(crate) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }
}

/// Serves one connection, request by request.
fn serve(stream: &TcpStream, content: &Mutex<Content>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let length = lines.iter().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
        });
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let mut words = lines.first().map_or("", String::as_str).split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        if path.contains("watch=true") {
            // Nothing ever changes in these clusters.
            let head = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut stream = stream;
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.read(&mut [0]);
            return;
        }
        let (status, answer) = answer(method, path, &body, content);
        let close = lines.iter().any(|line| line.eq_ignore_ascii_case("connection: close"));
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        let mut stream = stream;
        if stream.write_all((head + &answer).as_bytes()).is_err() || close {
            return;
        }
    }
}

fn answer(method: &str, path: &str, body: &[u8], content: &Mutex<Content>) -> (u16, String) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    // Clients put the server's path in front of everything.
    match parts.as_slice() {
        ["source", name, rest @ ..] => source(method, name, rest, content),
        ["cluster", name, rest @ ..] => cluster(method, name, rest, query, body, content),
        _ => (404, "no such path".to_owned()),
    }
}

fn source(method: &str, name: &str, rest: &[&str], content: &Mutex<Content>) -> (u16, String) {
    let stall = || {
        while content.lock().unwrap().stalled == Some(method) {
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    match (method, rest) {
        ("POST", _) if name == "broken" => (500, "clusters of that name are broken".to_owned()),
        ("POST", [since, version]) => {
            content.lock().unwrap().created.push(name.to_owned());
            std::thread::sleep(CREATION);
            stall();
            let mut content = content.lock().unwrap();
            let identity = format!("{since}-{} v{version}", content.created.len());
            content.clusters.insert(name.to_owned(), BTreeMap::new());
            content.identities.insert(name.to_owned(), identity.clone());
            content.silent.remove(name);
            (201, identity)
        }
        ("DELETE", _) => {
            stall();
            let mut content = content.lock().unwrap();
            if let Some(tried) = &mut content.undeletable {
                *tried += 1;
                return (500, "not just now".to_owned());
            }
            content.clusters.remove(name);
            (200, String::new())
        }
        _ => {
            let content = content.lock().unwrap();
            let identity = content.identities.get(name).cloned();
            match content.clusters.contains_key(name) {
                true => (200, identity.unwrap_or_else(|| "somebodys v1.36.2".to_owned())),
                false => (404, String::new()),
            }
        }
    }
}

fn cluster(
    method: &str,
    name: &str,
    rest: &[&str],
    query: &str,
    body: &[u8],
    content: &Mutex<Content>,
) -> (u16, String) {
    let mut content = content.lock().unwrap();
    let not_found = || {
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": 404,
            "status": "Failure", "reason": "NotFound", "message": "not found"});
        (404, status.to_string())
    };
    if !content.clusters.contains_key(name) {
        return not_found();
    }
    match (method, rest) {
        (_, ["readyz"]) if content.silent.contains(name) => (500, "not ready".to_owned()),
        (_, ["readyz"]) => (200, "ok".to_owned()),
        (_, ["version"]) => {
            let version = json!({"major": "1", "minor": "36", "gitVersion": "v1.36.2",
                "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "",
                "compiler": "", "platform": ""});
            (200, version.to_string())
        }
        (_, ["arrive", test, pid, parent]) => {
            let number = |text: &str| text.parse().unwrap();
            content.arrived.push(((*test).to_owned(), number(pid), number(parent)));
            (200, "ok".to_owned())
        }
        (_, ["go"]) => (200, if content.go { "yes" } else { "no" }.to_owned()),
        ("POST", ["api", "v1", "namespaces"]) => {
            let object: Value = serde_json::from_slice(body).unwrap();
            let namespace = object["metadata"]["name"].as_str().unwrap().to_owned();
            content.namespaces.push(namespace.clone());
            let labels = object["metadata"]["labels"].clone();
            content.clusters.get_mut(name).unwrap().insert(namespace, labels);
            (201, object.to_string())
        }
        ("GET", ["api", "v1", "namespaces"]) => {
            let run = query.split("io.kipod.run%3D").nth(1).map(|rest| &rest[..8]);
            let namespaces = content.clusters[name].iter();
            let selected = namespaces
                .filter(|(_, labels)| run.is_none_or(|run| labels["io.kipod.run"] == run));
            let items: Vec<Value> =
                selected.map(|(name, _)| json!({"metadata": {"name": name}})).collect();
            let list = json!({"kind": "PartialObjectMetadataList", "metadata": {}, "items": items,
                "apiVersion": "meta.k8s.io/v1"});
            (200, list.to_string())
        }
        ("DELETE", ["api", "v1", "namespaces", namespace]) => {
            let gone = content.clusters.get_mut(name).unwrap().remove(*namespace);
            content.deleted.push((*namespace).to_owned());
            match gone {
                Some(_) => (200, json!({"metadata": {"name": namespace}}).to_string()),
                None => not_found(),
            }
        }
        ("GET", ["api", "v1"]) => {
            let maps = json!({"name": "configmaps", "singularName": "", "namespaced": true,
                "kind": "ConfigMap", "verbs": ["list", "patch"]});
            let list =
                json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [maps]});
            (200, list.to_string())
        }
        ("PATCH", ["api", "v1", "namespaces", namespace, "configmaps", map]) => {
            content.applied.push(format!("{namespace}/{map}"));
            (200, String::from_utf8(body.to_vec()).unwrap())
        }
        (
            "GET",
            ["api", "v1", "namespaces", _, kind] | ["apis", "apps", "v1", "namespaces", _, kind],
        ) => {
            // What every namespace has a moment after it was made, and nothing else.
            let account = json!({"metadata": {"name": "default"}});
            let items = if *kind == "serviceaccounts" { vec![account] } else { Vec::new() };
            let list = json!({"kind": format!("{kind}List"), "apiVersion": "v1", "items": items,
                "metadata": {"resourceVersion": "1"}});
            (200, list.to_string())
        }
        _ => not_found(),
    }
}
