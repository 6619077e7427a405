//! A fake cluster source with fake API servers. Its clusters have namespaces and hardly anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

/// Duration of the creation of a cluster, so that other tests start in the meantime.
const CREATE_DURATION: Duration = Duration::from_millis(150);

/// The clusters and the history of the server.
#[derive(Default)]
pub(crate) struct State {
    /// The existing clusters, with the labels of their namespaces.
    pub(crate) clusters: BTreeMap<String, BTreeMap<String, Value>>,
    /// Identity and version of each cluster.
    pub(crate) identities: BTreeMap<String, String>,
    /// Clusters whose API server is not ready.
    pub(crate) unready: BTreeSet<String>,
    /// Method of requests to the source that block: `POST` or `DELETE`.
    pub(crate) stalled: Option<&'static str>,
    /// If set, deleting a cluster fails. Counts the attempts.
    pub(crate) failed_deletes: Option<usize>,
    /// Names of the created clusters, in order.
    pub(crate) created: Vec<String>,
    /// Names of the created namespaces, in order.
    pub(crate) namespaces: Vec<String>,
    /// Names of the namespaces that were deleted without their cluster.
    pub(crate) deleted: Vec<String>,
    /// Applied objects, as `NAMESPACE/NAME`.
    pub(crate) applied: Vec<String>,
    /// Tests whose body ran: name, process, parent process.
    pub(crate) arrived: Vec<(String, i32, i32)>,
    /// `true` if hanging tests may end.
    pub(crate) go: bool,
}

/// The server, on its own address.
pub(crate) struct FakeServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl FakeServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Serves the requests of one connection.
fn serve(stream: &TcpStream, state: &Mutex<State>) {
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
            // Objects never change in these clusters.
            let head = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut stream = stream;
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.read(&mut [0]);
            return;
        }
        let (status, response) = respond(method, path, &body, state);
        let close = lines.iter().any(|line| line.eq_ignore_ascii_case("connection: close"));
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            response.len()
        );
        let mut stream = stream;
        if stream.write_all((head + &response).as_bytes()).is_err() || close {
            return;
        }
    }
}

fn respond(method: &str, path: &str, body: &[u8], state: &Mutex<State>) -> (u16, String) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    // The server URL in the kubeconfig has a path.
    match parts.as_slice() {
        ["source", name, rest @ ..] => source(method, name, rest, state),
        ["cluster", name, rest @ ..] => cluster(method, name, rest, query, body, state),
        _ => (404, "no such path".to_owned()),
    }
}

fn source(method: &str, name: &str, rest: &[&str], state: &Mutex<State>) -> (u16, String) {
    let stall = || {
        while state.lock().unwrap().stalled == Some(method) {
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    match (method, rest) {
        ("POST", _) if name == "broken" => (500, "clusters of that name are broken".to_owned()),
        ("POST", [since, version]) => {
            state.lock().unwrap().created.push(name.to_owned());
            std::thread::sleep(CREATE_DURATION);
            stall();
            let mut state = state.lock().unwrap();
            let identity = format!("{since}-{} v{version}", state.created.len());
            state.clusters.insert(name.to_owned(), BTreeMap::new());
            state.identities.insert(name.to_owned(), identity.clone());
            state.unready.remove(name);
            (201, identity)
        }
        ("DELETE", _) => {
            stall();
            let mut state = state.lock().unwrap();
            if let Some(count) = &mut state.failed_deletes {
                *count += 1;
                return (500, "deletion fails".to_owned());
            }
            state.clusters.remove(name);
            (200, String::new())
        }
        _ => {
            let state = state.lock().unwrap();
            let identity = state.identities.get(name).cloned();
            match state.clusters.contains_key(name) {
                true => (200, identity.unwrap_or_else(|| "user v1.36.2".to_owned())),
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
    state: &Mutex<State>,
) -> (u16, String) {
    let mut state = state.lock().unwrap();
    let not_found = || {
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": 404,
            "status": "Failure", "reason": "NotFound", "message": "not found"});
        (404, status.to_string())
    };
    if !state.clusters.contains_key(name) {
        return not_found();
    }
    match (method, rest) {
        (_, ["readyz"]) if state.unready.contains(name) => (500, "not ready".to_owned()),
        (_, ["readyz"]) => (200, "ok".to_owned()),
        (_, ["version"]) => {
            let version = json!({"major": "1", "minor": "36", "gitVersion": "v1.36.2",
                "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "",
                "compiler": "", "platform": ""});
            (200, version.to_string())
        }
        (_, ["arrive", test, pid, parent]) => {
            let number = |text: &str| text.parse().unwrap();
            state.arrived.push(((*test).to_owned(), number(pid), number(parent)));
            (200, "ok".to_owned())
        }
        (_, ["go"]) => (200, if state.go { "yes" } else { "no" }.to_owned()),
        ("POST", ["api", "v1", "namespaces"]) => {
            let object: Value = serde_json::from_slice(body).unwrap();
            let namespace = object["metadata"]["name"].as_str().unwrap().to_owned();
            state.namespaces.push(namespace.clone());
            let labels = object["metadata"]["labels"].clone();
            state.clusters.get_mut(name).unwrap().insert(namespace, labels);
            (201, object.to_string())
        }
        ("GET", ["api", "v1", "namespaces"]) => {
            let run = query.split("io.kipod.run%3D").nth(1).map(|rest| &rest[..8]);
            let namespaces = state.clusters[name].iter();
            let selected = namespaces
                .filter(|(_, labels)| run.is_none_or(|run| labels["io.kipod.run"] == run));
            let items: Vec<Value> =
                selected.map(|(name, _)| json!({"metadata": {"name": name}})).collect();
            let list = json!({"kind": "PartialObjectMetadataList", "metadata": {}, "items": items,
                "apiVersion": "meta.k8s.io/v1"});
            (200, list.to_string())
        }
        ("DELETE", ["api", "v1", "namespaces", namespace]) => {
            let gone = state.clusters.get_mut(name).unwrap().remove(*namespace);
            state.deleted.push((*namespace).to_owned());
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
            state.applied.push(format!("{namespace}/{map}"));
            (200, String::from_utf8(body.to_vec()).unwrap())
        }
        (
            "GET",
            ["api", "v1", "namespaces", _, kind] | ["apis", "apps", "v1", "namespaces", _, kind],
        ) => {
            // A namespace contains only its default ServiceAccount.
            let account = json!({"metadata": {"name": "default"}});
            let items = if *kind == "serviceaccounts" { vec![account] } else { Vec::new() };
            let list = json!({"kind": format!("{kind}List"), "apiVersion": "v1", "items": items,
                "metadata": {"resourceVersion": "1"}});
            (200, list.to_string())
        }
        _ => not_found(),
    }
}
