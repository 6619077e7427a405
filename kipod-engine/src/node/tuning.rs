//! What a slow machine is spared: work that nobody waits for, and work that would be in vain. It is added to
//! kubeadm's documents after everybody's patches, and what they say counts.

use std::time::Duration;

use serde_json::{Value, json};

use super::kubeadm::{add, has};
use super::{API_PORT, ClusterSettings};
use crate::kubernetes::Settings;
use crate::util::timeouts::Timeouts;

/// An etcd that nobody writes to tells each of its watchers so, which are a hundred or more.
/// Source: kubeadm's arguments of etcd.
const WATCH_PROGRESS: Duration = Duration::from_secs(5);
/// But never seldomer than this: etcd forgets what is older than the API server's five minutes.
const LONGEST_WATCH_PROGRESS: Duration = Duration::from_secs(60);
/// How long kubelet gives the container runtime. Source: `runtimeRequestTimeout` of its configuration.
const RUNTIME_REQUEST: Duration = Duration::from_secs(120);
/// But never less than this: CRI-O takes four minutes for a container, and the shim waits for up to 215 s.
const LEAST_RUNTIME_REQUEST: Duration = Duration::from_secs(250);
/// The environment variable for which the shim waits: see `images/helper/src/shim/wait.rs`.
const WAIT: &str = "KIPOD_WAIT_FOR_API_SERVER";

/// What a program written in Go has in its environment there. With one thread at work it never wakes
/// another to look for some, which is most of what an idle one does.
pub(super) const ONE_THREAD: (&str, &str) = ("GOMAXPROCS", "1");

/// Adds it to kubeadm's documents.
pub(super) fn spare(documents: &mut [Value], cluster: &ClusterSettings<'_>) {
    if !cluster.timeouts.is_slow() {
        return;
    }
    for document in documents {
        match document["kind"].as_str() {
            Some("ClusterConfiguration") => spare_control_plane(document, cluster),
            Some("KubeletConfiguration") if document["runtimeRequestTimeout"].is_null() => {
                let limit = cluster.timeouts.scale(RUNTIME_REQUEST).max(LEAST_RUNTIME_REQUEST);
                document["runtimeRequestTimeout"] = json!(written(limit));
            }
            _ => {}
        }
    }
}

fn spare_control_plane(document: &mut Value, cluster: &ClusterSettings<'_>) {
    // It collects its garbage less often: a sixth of its work in a creation, for a hundred megabytes.
    add(&mut document["apiServer"]["extraEnvs"], "GOGC", "400");
    // Who is elected waits for the API server as long as it takes. Nobody else does: after ten seconds
    // kube-controller-manager ends, to begin anew. Where people have it listen elsewhere, or keep others from
    // asking, nobody can be waited for.
    let arguments = &document["apiServer"]["extraArgs"];
    let waits = cluster.control_planes.len() == 1
        && !["bind-address", "authorization-mode"].iter().any(|name| has(arguments, name));
    for component in ["controllerManager", "scheduler"] {
        let variables = &mut document[component]["extraEnvs"];
        add(variables, ONE_THREAD.0, ONE_THREAD.1);
        if waits {
            add(variables, WAIT, &format!("127.0.0.1:{API_PORT}"));
        }
    }
    let etcd = &mut document["etcd"]["local"];
    if etcd.is_object() {
        add(&mut etcd["extraEnvs"], ONE_THREAD.0, ONE_THREAD.1);
        // Another etcd than kubeadm's own may not know the argument by this name.
        if etcd["imageTag"].is_null() {
            let name = Settings::of(cluster.kubernetes_version).watch_progress_argument;
            let interval = cluster.timeouts.scale(WATCH_PROGRESS).min(LONGEST_WATCH_PROGRESS);
            add(&mut etcd["extraArgs"], name, &written(interval));
        }
    }
}

/// How often, in seconds, kubelet asks what it usually asks this often: there a question is work. Never
/// more often than on a machine as fast as usual.
pub(super) fn every(timeouts: Timeouts, seconds: u64) -> u64 {
    let stretched = timeouts.scale(Duration::from_secs(seconds)).as_secs_f64().ceil();
    (stretched as u64).max(seconds)
}

/// A time as Kubernetes and etcd read it.
fn written(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_say_counts() {
        let mut list = Value::Null;
        add(&mut list, "GOGC", "400");
        assert_eq!(list, json!([{ "name": "GOGC", "value": "400" }]));
        let theirs = json!([{ "name": "GOGC", "value": "50" }]);
        list.clone_from(&theirs);
        add(&mut list, "GOGC", "400");
        assert_eq!(list, theirs);
        add(&mut list, "GOMAXPROCS", "1");
        assert_eq!(list[1]["name"], "GOMAXPROCS");
    }
}
