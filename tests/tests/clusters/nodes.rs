//! Clusters with several nodes: changes of workers, failures of control planes.

use std::time::{Duration, Instant};

use kipod_e2e::{Checks, ClusterClient, TestCluster, podman, wait_until};
use rustix::process::Signal;

/// Timeout for a write after the loss of a control plane. The load balancer reacts within two seconds
/// and an election of etcd takes as long, but the host may be busy.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn workers_can_be_added_removed_and_restarted() {
    let cluster = TestCluster::create_with("workers", &["--workers", "2"]);
    let mut checks = Checks::new();
    let (c, api) = (&cluster, &cluster.client());
    checks.check("every node is Ready and has its role", || check_nodes(c, api));
    checks.check("pods reach pods on other nodes", || check_pod_network(c, api));
    checks.check("add a node", || check_add(c, api));
    checks.check("an addition that times out leaves nothing", || check_add_timeout(c, api));
    checks.check("the next command cleans up a killed addition", || {
        check_killed_add(c, api, |c| {
            let args = ["node", "delete", "--name", &c.name, "nope"];
            let missing = format!("node `nope` not found in cluster `{}`", c.name);
            c.kipod(&args).run().failure(1).stderr_contains(&[&missing]);
        });
    });
    checks.check("prune cleans up a killed addition", || {
        check_killed_add(c, api, |c| {
            let node = format!(
                "node `{}` of cluster `{}` with an interrupted change",
                c.worker(3),
                c.name
            );
            let output = c.kipod(&["prune"]).run().success();
            assert!(output.stdout.contains(&format!("removed {node}")), "{output}");
        });
    });
    checks.check("delete a node", || check_delete_node(c, api));
    checks.check("pause, unpause, stop and start a node", || check_node_states(c, api));
    checks.check("stop and start the cluster", || check_cluster_restart(c, api));
    checks.check("refuse impossible changes", || check_refusals(c));
    checks.check("delete", || c.delete_completely());
    checks.finish();
}

/// Waits until all nodes are ready. Returns the names of the nodes in Kubernetes.
#[track_caller]
fn ready_nodes(client: &ClusterClient) -> Vec<String> {
    client.wait_ready();
    client.nodes().unwrap().into_iter().map(|(name, _)| name).collect()
}

fn check_nodes(cluster: &TestCluster, client: &ClusterClient) {
    let names = [cluster.control_plane(), cluster.worker(0), cluster.worker(1)];
    assert_eq!(ready_nodes(client), names);
    let json = cluster.kipod(&["get", "nodes", &cluster.name, "-o", "json"]).run().success().json();
    let roles: Vec<&str> =
        json.as_array().unwrap().iter().map(|node| node["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["control-plane", "worker", "worker"]);
}

fn check_pod_network(cluster: &TestCluster, client: &ClusterClient) {
    let pods = [cluster.control_plane(), cluster.worker(0), cluster.worker(1)];
    let pods = pods.map(|node| (format!("echo-{}", &node[cluster.name.len() + 1..]), node));
    for (pod, node) in &pods {
        client.run_echo_pod(pod, node);
    }
    for (pod, _) in &pods {
        client.wait_pod_ready(pod);
    }
    client.create_server("web", "it-is-served");
    for (from, _) in &pods {
        for (to, _) in &pods {
            let peer = client.connect_from(from, &format!("{}:8080", client.pod_ip(to)));
            if from != to {
                assert_eq!(peer.trim(), client.pod_ip(from), "{from} to {to}");
            }
        }
        let script = "until [ \"$(timeout 5 socat -T5 - TCP:web:80 </dev/null)\" = it-is-served ]
            do sleep 0.2; done; echo reached";
        assert_eq!(client.exec(from, &["sh", "-c", script]), "reached\n", "from {from}");
    }
}

fn check_add(cluster: &TestCluster, client: &ClusterClient) {
    let node = cluster.worker(2);
    let output = cluster.kipod(&["node", "add", "--name", &cluster.name]).run().success();
    output.stderr_contains(&[&format!("node `{node}` added")]);
    assert!(ready_nodes(client).contains(&node));
    client.run_echo_pod("echo-added", &node);
    client.assert_echo_pods_connected(["echo-added", "echo-worker-0"]);
}

/// Returns the nodes in kipod and in Kubernetes, and the volumes in Podman.
fn all_nodes(cluster: &TestCluster, client: &ClusterClient) -> [Vec<String>; 3] {
    let json = cluster.kipod(&["get", "nodes", &cluster.name, "-o", "json"]).run().success().json();
    let names = json.as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().into());
    let filter = cluster.label_filter();
    let volumes = podman(&["volume", "ls", "--quiet", "--filter", &filter]);
    let mut volumes: Vec<String> = volumes.lines().map(str::to_owned).collect();
    volumes.sort();
    [names.collect(), client.nodes().unwrap().into_iter().map(|(name, _)| name).collect(), volumes]
}

fn check_add_timeout(cluster: &TestCluster, client: &ClusterClient) {
    let before = all_nodes(cluster, client);
    let args = ["node", "add", "--name", &cluster.name, "--wait", "1ms"];
    let output = cluster.kipod(&args).run().failure(1);
    // The message may list nothing: the rest may have become ready after the timeout.
    output.stderr_contains(&["error: timed out after", "waiting for nodes and cluster DNS:"]);
    assert_eq!(all_nodes(cluster, client), before);
}

/// Kills the addition of a node. `clean_up` runs a command that removes the rest of it.
fn check_killed_add(
    cluster: &TestCluster,
    client: &ClusterClient,
    clean_up: impl Fn(&TestCluster),
) {
    let before = all_nodes(cluster, client);
    let running = cluster.kipod(&["node", "add", "--name", &cluster.name]).spawn();
    let node = cluster.worker(3);
    wait_until("the node's container", Duration::from_secs(30), || {
        podman(&["ps", "--format", "{{.Names}}"]).lines().any(|name| name == node)
    });
    running.signal(Signal::KILL);
    running.wait();
    clean_up(cluster);
    assert_eq!(all_nodes(cluster, client), before);
}

fn check_delete_node(cluster: &TestCluster, client: &ClusterClient) {
    let node = cluster.worker(2);
    let args = ["node", "delete", "--name", &cluster.name, &node];
    cluster.kipod(&args).run().success().stderr_contains(&[&format!("node `{node}` deleted")]);
    let [kipod, kubernetes, podman] = all_nodes(cluster, client);
    assert!(![kipod, kubernetes, podman].concat().contains(&node));
    client.wait_ready();
}

/// Exports logs while a node is stopped: a warning lists the missing ones.
fn check_logs_of_stopped_node(cluster: &TestCluster, node: &str) {
    let dir = tempfile::tempdir().unwrap();
    let args = ["export", "logs", "--name", &cluster.name, dir.path().to_str().unwrap()];
    let output = cluster.kipod(&args).run().success();
    let text =
        format!("node `{node}` is not running (exited): its journal and the logs of its pods");
    let output = output.stderr_contains(&[&text]);
    assert_eq!(output.stderr.matches("warning").count(), 1, "{output}");
    assert!(dir.path().join(node).join("serial.log").exists());
    assert!(dir.path().join(cluster.control_plane()).join("journal.log").exists());
}

fn check_node_states(cluster: &TestCluster, client: &ClusterClient) {
    let node = cluster.worker(1);
    let state = || podman(&["inspect", "--format", "{{.State.Status}}", &node]);
    for (action, expected, of_cluster) in [
        ("pause", "paused", "partly-running"),
        ("unpause", "running", "running"),
        ("stop", "exited", "partly-running"),
        ("start", "running", "running"),
    ] {
        cluster.kipod(&["node", action, "--name", &cluster.name, &node]).run().success();
        assert_eq!(state(), expected, "after {action}");
        assert_eq!(cluster.state(), of_cluster, "after {action}");
        if action == "stop" {
            check_logs_of_stopped_node(cluster, &node);
        }
    }
    client.wait_ready();
}

fn check_cluster_restart(cluster: &TestCluster, client: &ClusterClient) {
    let address = client.pod_ip("echo-worker-0");
    cluster.kipod(&["stop", "cluster", &cluster.name]).run().success();
    let running = podman(&["ps", "--format", "{{.Names}}"]);
    assert!(!running.lines().any(|name| name.starts_with(&cluster.name)), "{running}");
    assert_eq!(cluster.state(), "stopped");
    cluster.kipod(&["start", "cluster", &cluster.name]).run().success();
    client.wait_ready();
    // The routes exist again. The pod on the other node may have another address now.
    let target = format!("{}:8080", client.pod_ip("echo-worker-0"));
    let peer = client.connect_from("echo-control-plane-0", &target);
    assert_eq!(peer.trim(), client.pod_ip("echo-control-plane-0"), "before: {address}");
}

fn check_refusals(cluster: &TestCluster) {
    let name = cluster.name.as_str();
    let kipod = |args: &[&str]| cluster.kipod(args).run().failure(1);
    kipod(&["node", "add", "--name", name, "--role", "control-plane"]).stderr_contains(&[
        "was created with one control plane",
        "hint: create the cluster with `--control-planes 3`",
    ]);
    kipod(&["node", "delete", "--name", name, &cluster.control_plane()])
        .stderr_contains(&["is the only control plane"]);
    kipod(&["node", "stop", "--name", name, "nope"]).stderr_contains(&[
        &format!("node `nope` not found in cluster `{name}`, which has "),
        &cluster.control_plane(),
    ]);
    let args = ["node", "add", "--name", name, "--role", "master"];
    cluster.kipod(&args).run().failure(2).stderr_contains(&["--role: `master` is not a role"]);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn cluster_survives_loss_of_control_planes() {
    let cluster = TestCluster::create_with("several", &["--control-planes", "3", "--workers", "1"]);
    let client = cluster.client();
    assert_eq!(ready_nodes(&client).len(), 4);

    let mut acknowledged = Vec::new();
    let mut write = |count: usize| {
        let mut longest = Duration::ZERO;
        for _ in 0..count {
            let name = format!("map-{}", acknowledged.len());
            let since = Instant::now();
            // A write without a response may have succeeded.
            while let Err(error) = client.create_config_map(&name)
                && !error.to_string().contains("already exists")
            {
                assert!(since.elapsed() < WRITE_TIMEOUT, "{name}: {error}");
                std::thread::sleep(Duration::from_millis(50));
            }
            longest = longest.max(since.elapsed());
            acknowledged.push(name);
        }
        longest
    };
    write(20);
    // Stopped without a grace period. Podman would restart a killed container.
    podman(&["stop", "--time", "0", &cluster.control_plane()]);
    let longest = write(100);
    println!("longest write after the loss of a control plane: {longest:.1?}");

    let filter = cluster.label_filter();
    let all = podman(&["ps", "--all", "--quiet", "--filter", &filter]);
    let args: Vec<&str> = ["stop", "--time", "0"].into_iter().chain(all.lines()).collect();
    podman(&args);
    cluster.kipod(&["start", "cluster", &cluster.name]).run().success();
    assert_eq!(ready_nodes(&client).len(), 4);
    let written = client.config_maps().unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|name| !written.contains(name)).collect();
    assert!(lost.is_empty(), "{lost:?}");

    let args = ["node", "delete", "--name", &cluster.name, &cluster.control_plane()];
    cluster.kipod(&args).run().success();
    assert!(!ready_nodes(&client).contains(&cluster.control_plane()));
    cluster.delete_completely();
}
