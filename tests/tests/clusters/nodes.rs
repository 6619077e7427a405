//! Clusters of several nodes: workers that come and go, control planes that die.

use std::time::{Duration, Instant};

use kipod_e2e::{Checks, Inside, TestCluster, podman, wait_until};
use rustix::process::Signal;

/// How long a cluster that lost a node may answer no write. The load balancer notices within two
/// seconds, an election of etcd takes as long, and the machine may be busy with something else.
const OUTAGE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn workers_come_and_go() {
    let cluster = TestCluster::created_with("workers", &["--workers", "2"]);
    let inside = cluster.inside();
    let mut checks = Checks::new();
    let (c, i) = (&cluster, &inside);
    checks.check("every node is Ready, and says what it does", || three_nodes(c, i));
    checks.check("pods reach pods of other nodes, as themselves", || pods_across_nodes(c, i));
    checks.check("a node is added", || add(c, i));
    checks.check("a node that is not Ready in time leaves nothing", || add_in_vain(c, i));
    checks.check("a node whose addition was killed leaves nothing", || {
        add_and_kill(c, i, |c| {
            let words = ["node", "delete", "--name", &c.name, "nobody"];
            c.kipod(&words).run().failed(1).said(&["has no node `nobody`"]);
        });
    });
    checks.check("prune takes it away too", || {
        add_and_kill(c, i, |c| {
            let words = format!("node `{}` of cluster `{}`, cut off", worker(c, 3), c.name);
            let output = c.kipod(&["prune"]).run().ok();
            assert!(output.stdout.contains(&format!("removed {words}")), "{output}");
        });
    });
    checks.check("a node is deleted", || remove(c, i));
    checks.check("a node is stopped, started, paused and unpaused", || one_node(c, i));
    checks.check("the cluster is stopped and started", || stop_and_start(c, i));
    checks.check("what cannot be done is refused", || refusals(c));
    checks.check("delete", || {
        let traces = c.traces();
        c.delete().run().ok();
        traces.assert_gone();
    });
    checks.finish();
}

fn worker(cluster: &TestCluster, number: usize) -> String {
    format!("{}-worker-{number}", cluster.name)
}

/// The names of the nodes that Kubernetes knows, all of them Ready.
#[track_caller]
fn ready_nodes(inside: &Inside) -> Vec<String> {
    inside.until_all_is_well();
    inside.nodes().unwrap().into_iter().map(|(name, _)| name).collect()
}

fn three_nodes(cluster: &TestCluster, inside: &Inside) {
    let names = [cluster.node(), worker(cluster, 0), worker(cluster, 1)];
    assert_eq!(ready_nodes(inside), names);
    let json = cluster.kipod(&["get", "nodes", &cluster.name, "-o", "json"]).run().ok().json();
    let roles: Vec<&str> =
        json.as_array().unwrap().iter().map(|node| node["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["control-plane", "worker", "worker"]);
}

fn pods_across_nodes(cluster: &TestCluster, inside: &Inside) {
    let pods = [cluster.node(), worker(cluster, 0), worker(cluster, 1)];
    let pods = pods.map(|node| (format!("echo-{}", &node[cluster.name.len() + 1..]), node));
    for (pod, node) in &pods {
        inside.echo_on(pod, node);
    }
    for (pod, _) in &pods {
        inside.until_ready(pod);
    }
    inside.serve("web", "it-is-served");
    for (from, _) in &pods {
        for (to, _) in &pods {
            let target = format!("TCP:{}:8080,connect-timeout=5", inside.address(to));
            let seen = inside.exec(from, &["socat", "-T5", "-,ignoreeof", &target]);
            if from != to {
                assert_eq!(seen.trim(), inside.address(from), "{from} to {to}");
            }
        }
        let script = "until [ \"$(timeout 5 socat -T5 - TCP:web:80 </dev/null)\" = it-is-served ]
            do sleep 0.2; done; echo reached";
        assert_eq!(inside.exec(from, &["sh", "-c", script]), "reached\n", "from {from}");
    }
}

fn add(cluster: &TestCluster, inside: &Inside) {
    let node = worker(cluster, 2);
    let output = cluster.kipod(&["node", "add", "--name", &cluster.name]).run().ok();
    output.said(&[&format!("node `{node}` is added")]);
    assert!(ready_nodes(inside).contains(&node));
    inside.echo_on("echo-added", &node);
    inside.until_ready("echo-added");
    for (from, to) in [("echo-added", "echo-worker-0"), ("echo-worker-0", "echo-added")] {
        let target = format!("TCP:{}:8080,connect-timeout=5", inside.address(to));
        let seen = inside.exec(from, &["socat", "-T5", "-,ignoreeof", &target]);
        assert_eq!(seen.trim(), inside.address(from), "{from} to {to}");
    }
}

/// The nodes that kipod and Kubernetes know, and the containers that Podman has.
fn all_that_is_known(cluster: &TestCluster, inside: &Inside) -> [Vec<String>; 3] {
    let json = cluster.kipod(&["get", "nodes", &cluster.name, "-o", "json"]).run().ok().json();
    let names = json.as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().into());
    let label = format!("label=io.kipod.cluster={}", cluster.name);
    let volumes = podman(&["volume", "ls", "--quiet", "--filter", &label]);
    let mut volumes: Vec<String> = volumes.lines().map(str::to_owned).collect();
    volumes.sort();
    [names.collect(), inside.nodes().unwrap().into_iter().map(|(name, _)| name).collect(), volumes]
}

fn add_in_vain(cluster: &TestCluster, inside: &Inside) {
    let before = all_that_is_known(cluster, inside);
    let words = ["node", "add", "--name", &cluster.name, "--wait", "1ms"];
    let output = cluster.kipod(&words).run().failed(1);
    // What is missing may have come about by the time it is told.
    output.said(&["error: gave up after", "while waiting for node and DNS to be ready:"]);
    assert_eq!(all_that_is_known(cluster, inside), before);
}

/// `next` is what comes next, and takes the rest of it away.
fn add_and_kill(cluster: &TestCluster, inside: &Inside, next: impl Fn(&TestCluster)) {
    let before = all_that_is_known(cluster, inside);
    let running = cluster.kipod(&["node", "add", "--name", &cluster.name]).spawn();
    let node = worker(cluster, 3);
    wait_until("the node's container", Duration::from_secs(30), || {
        podman(&["ps", "--format", "{{.Names}}"]).lines().any(|name| name == node)
    });
    running.signal(Signal::KILL);
    running.wait();
    next(cluster);
    assert_eq!(all_that_is_known(cluster, inside), before);
}

fn remove(cluster: &TestCluster, inside: &Inside) {
    let node = worker(cluster, 2);
    let words = ["node", "delete", "--name", &cluster.name, &node];
    cluster.kipod(&words).run().ok().said(&[&format!("node `{node}` is deleted")]);
    let [kipod, kubernetes, podman] = all_that_is_known(cluster, inside);
    assert!(![kipod, kubernetes, podman].concat().contains(&node));
    inside.until_all_is_well();
}

/// Of what does not run, it is said what cannot be had.
fn logs_of_what_does_not_run(cluster: &TestCluster, node: &str) {
    let folder = tempfile::tempdir().unwrap();
    let words = ["export", "logs", "--name", &cluster.name, folder.path().to_str().unwrap()];
    let output = cluster.kipod(&words).run().ok();
    let text = format!("node `{node}` does not run (exited): its journal and the logs of its pods");
    let output = output.said(&[&text]);
    assert_eq!(output.stderr.matches("warning").count(), 1, "{output}");
    assert!(folder.path().join(node).join("serial.log").exists());
    assert!(folder.path().join(cluster.node()).join("journal.log").exists());
}

fn one_node(cluster: &TestCluster, inside: &Inside) {
    let node = worker(cluster, 1);
    let state = || {
        let found = podman(&["inspect", "--format", "{{.State.Status}}", &node]);
        found.trim().to_owned()
    };
    for (action, expected) in
        [("pause", "paused"), ("unpause", "running"), ("stop", "exited"), ("start", "running")]
    {
        cluster.kipod(&["node", action, "--name", &cluster.name, &node]).run().ok();
        assert_eq!(state(), expected, "after {action}");
        if action == "stop" {
            logs_of_what_does_not_run(cluster, &node);
        }
    }
    inside.until_all_is_well();
}

fn stop_and_start(cluster: &TestCluster, inside: &Inside) {
    let address = inside.address("echo-worker-0");
    cluster.kipod(&["stop", "cluster", &cluster.name]).run().ok();
    let running = podman(&["ps", "--format", "{{.Names}}"]);
    assert!(!running.lines().any(|name| name.starts_with(&cluster.name)), "{running}");
    cluster.kipod(&["start", "cluster", &cluster.name]).run().ok();
    // The routes are there again: this pod is on another node, and may have another address now.
    inside.until_all_is_well();
    let target = format!("TCP:{}:8080,connect-timeout=5", inside.address("echo-worker-0"));
    let seen = inside.exec("echo-control-plane-0", &["socat", "-T5", "-,ignoreeof", &target]);
    assert_eq!(seen.trim(), inside.address("echo-control-plane-0"), "before: {address}");
}

fn refusals(cluster: &TestCluster) {
    let name = cluster.name.as_str();
    let kipod = |words: &[&str]| cluster.kipod(words).run().failed(1);
    kipod(&["node", "add", "--name", name, "--role", "control-plane"])
        .said(&["was created with one control plane", "hint: create it with `--control-planes 3`"]);
    kipod(&["node", "delete", "--name", name, &cluster.node()])
        .said(&["is the only control plane"]);
    kipod(&["node", "stop", "--name", name, "nope"])
        .said(&["has no node `nope`: it has ", &cluster.node()]);
    let words = ["node", "add", "--name", name, "--role", "master"];
    cluster.kipod(&words).run().failed(2).said(&["--role: `master` is not a role"]);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_control_plane_may_die_and_all_may_be_killed() {
    let cluster =
        TestCluster::created_with("several", &["--control-planes", "3", "--workers", "1"]);
    let inside = cluster.inside();
    assert_eq!(ready_nodes(&inside).len(), 4);

    let mut acknowledged = Vec::new();
    let mut write = |count: usize| {
        let mut longest = Duration::ZERO;
        for _ in 0..count {
            let name = format!("map-{}", acknowledged.len());
            let since = Instant::now();
            // A write whose answer was lost may have been made.
            while let Err(error) = inside.write(&name)
                && !error.to_string().contains("already exists")
            {
                assert!(since.elapsed() < OUTAGE, "{name}: {error}");
                std::thread::sleep(Duration::from_millis(50));
            }
            longest = longest.max(since.elapsed());
            acknowledged.push(name);
        }
        longest
    };
    write(20);
    // At once, and for good: what is only killed Podman starts again.
    podman(&["stop", "--time", "0", &cluster.node()]);
    let longest = write(100);
    println!("the longest write while a control plane was killed: {longest:.1?}");

    let label = format!("label=io.kipod.cluster={}", cluster.name);
    let all = podman(&["ps", "--all", "--quiet", "--filter", &label]);
    let words: Vec<&str> = ["stop", "--time", "0"].into_iter().chain(all.lines()).collect();
    podman(&words);
    cluster.kipod(&["start", "cluster", &cluster.name]).run().ok();
    assert_eq!(ready_nodes(&inside).len(), 4);
    let written = inside.written().unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|name| !written.contains(name)).collect();
    assert!(lost.is_empty(), "{lost:?}");

    let words = ["node", "delete", "--name", &cluster.name, &cluster.node()];
    cluster.kipod(&words).run().ok();
    assert!(!ready_nodes(&inside).contains(&cluster.node()));
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
}
