//! Tuning for slow machines (`KIPOD_TIMEOUT_FACTOR` > 1): fewer probes, threads and garbage
//! collections. Applied after user patches; values set by the user win.

use std::time::Duration;

use serde_json::{Value, json};

use super::args::add;
use super::readiness::is_observable;
use crate::kubernetes::Settings;
use crate::node::{API_PORT, ClusterSettings};
use crate::util::timeouts::Timeouts;

/// The interval at which an idle etcd sends a progress notification to each of its watchers, of
/// which a cluster has at least a hundred. Source: kubeadm's arguments of etcd.
const WATCH_PROGRESS: Duration = Duration::from_secs(5);
/// The maximum of this interval. The API server compacts revisions older than five minutes.
const MAX_WATCH_PROGRESS: Duration = Duration::from_secs(60);
/// Timeout of kubelet's requests to the container runtime.
/// Source: `runtimeRequestTimeout` in kubelet's configuration.
const RUNTIME_REQUEST: Duration = Duration::from_secs(120);
/// The minimum of this timeout: CRI-O has four minutes to create a container, and the shim waits for
/// up to 215 s.
const MIN_RUNTIME_REQUEST: Duration = Duration::from_secs(250);
/// The environment variable with the address of the API server that the shim waits for: see
/// `images/helper/src/shim/wait.rs`.
const WAIT_FOR_API_SERVER: &str = "KIPOD_WAIT_FOR_API_SERVER";

/// Environment variable for Go programs. An idle Go program spends most of its time on waking threads
/// that search for work. With a single thread, it does not.
pub(in crate::node) const ONE_THREAD: (&str, &str) = ("GOMAXPROCS", "1");

/// Adds the tuning to the kubeadm configuration.
pub(super) fn apply(documents: &mut [Value], cluster: &ClusterSettings<'_>) {
    if !cluster.timeouts.is_slow() {
        return;
    }
    for document in documents {
        match document["kind"].as_str() {
            Some("ClusterConfiguration") => tune_control_plane(document, cluster),
            Some("KubeletConfiguration") if document["runtimeRequestTimeout"].is_null() => {
                let timeout = cluster.timeouts.scale(RUNTIME_REQUEST).max(MIN_RUNTIME_REQUEST);
                document["runtimeRequestTimeout"] = json!(milliseconds(timeout));
            }
            _ => {}
        }
    }
}

fn tune_control_plane(document: &mut Value, cluster: &ClusterSettings<'_>) {
    // Fewer garbage collections save a sixth of the API server's CPU time while a cluster is created,
    // at the cost of 100 MB.
    add(&mut document["apiServer"]["extraEnvs"], "GOGC", "400");
    // With leader election, components wait for the API server indefinitely. Without it,
    // kube-controller-manager exits after ten seconds and is restarted, so the shim waits instead. It
    // cannot if the user changes the API server's address or who may query `/readyz`.
    let shim_waits = cluster.control_planes.len() == 1 && is_observable(document);
    for component in ["controllerManager", "scheduler"] {
        let variables = &mut document[component]["extraEnvs"];
        add(variables, ONE_THREAD.0, ONE_THREAD.1);
        if shim_waits {
            add(variables, WAIT_FOR_API_SERVER, &format!("127.0.0.1:{API_PORT}"));
        }
    }
    let etcd = &mut document["etcd"]["local"];
    if etcd.is_object() {
        add(&mut etcd["extraEnvs"], ONE_THREAD.0, ONE_THREAD.1);
        // The argument has another name in other releases of etcd.
        if etcd["imageTag"].is_null() {
            let name = Settings::of(cluster.kubernetes_version).watch_progress_argument;
            let interval = cluster.timeouts.scale(WATCH_PROGRESS).min(MAX_WATCH_PROGRESS);
            add(&mut etcd["extraArgs"], name, &milliseconds(interval));
        }
    }
}

/// Returns the period in seconds of a kubelet probe whose default period is `seconds`. Probes are less
/// frequent on a slow machine, and never more frequent than by default.
pub(super) fn probe_period(timeouts: Timeouts, seconds: u64) -> u64 {
    let scaled = timeouts.scale(Duration::from_secs(seconds)).as_secs_f64().ceil();
    (scaled as u64).max(seconds)
}

/// Formats a duration for Kubernetes and etcd.
fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}
