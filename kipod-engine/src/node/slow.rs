//! What a slow machine is spared: work of the control plane's that nobody waits for, and work that would
//! be in vain. What a cluster can do is the same.

use std::time::Duration;

use serde_json::{Value, json};

use super::API_PORT;
use crate::kubernetes::settings;
use crate::time_factor::TimeFactor;

/// An etcd that nobody writes to tells each of its watchers so, which are a hundred or more.
/// Source: kubeadm's arguments of etcd.
const WATCH_PROGRESS: Duration = Duration::from_secs(5);
/// How long kubelet gives the container runtime. Source: `runtimeRequestTimeout` of its configuration.
const RUNTIME_REQUEST: Duration = Duration::from_secs(120);

/// Whether the machine is one.
pub(super) fn is_slow(factor: TimeFactor) -> bool {
    factor > TimeFactor::default()
}

/// What a program written in Go has in its environment there. With one thread at work it never wakes
/// another to look for some, which is most of what an idle one does.
pub(super) const ONE_THREAD: (&str, &str) = ("GOMAXPROCS", "1");

/// kubeadm's `ClusterConfiguration` for it.
pub(super) fn cluster(document: &mut Value, factor: TimeFactor, version: &str, elects: bool) {
    if !is_slow(factor) {
        return;
    }
    let variable = |(name, value): (&str, &str)| json!({ "name": name, "value": value });
    // It collects its garbage less often: a sixth of its work in a creation, for a hundred megabytes.
    document["apiServer"]["extraEnvs"] = json!([variable(("GOGC", "400"))]);
    document["etcd"]["local"]["extraEnvs"] = json!([variable(ONE_THREAD)]);
    let own = format!("127.0.0.1:{API_PORT}");
    for component in ["controllerManager", "scheduler"] {
        let mut variables = vec![variable(ONE_THREAD)];
        // Who is elected waits for the API server as long as it takes. Nobody else does: after ten
        // seconds kube-controller-manager ends, to begin anew.
        if !elects {
            variables.push(variable(("KIPOD_WAIT_FOR_API_SERVER", &own)));
        }
        document[component]["extraEnvs"] = json!(variables);
    }
    if let Some(arguments) = document["etcd"]["local"]["extraArgs"].as_array_mut() {
        let name = settings(version).watch_progress_argument;
        arguments.push(json!({ "name": name, "value": stretched(factor, WATCH_PROGRESS) }));
    }
}

/// `KubeletConfiguration` for it.
pub(super) fn kubelet(document: &mut Value, factor: TimeFactor) {
    if is_slow(factor) {
        document["runtimeRequestTimeout"] = json!(stretched(factor, RUNTIME_REQUEST));
    }
}

/// How often, in seconds, kubelet asks what it usually asks this often: there a question is work. Never
/// more often than on a machine as fast as usual.
pub(super) fn every(factor: TimeFactor, seconds: u64) -> u64 {
    let stretched = factor.of(Duration::from_secs(seconds)).as_secs_f64().ceil();
    (stretched as u64).max(seconds)
}

/// A time as Kubernetes and etcd read it.
fn stretched(factor: TimeFactor, time: Duration) -> String {
    format!("{}ms", factor.of(time).as_millis())
}
