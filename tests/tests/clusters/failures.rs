//! What breaks by itself while a cluster is made.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kipod_e2e::{Running, TestCluster, ensure_node_image, podman, wait_until};
use rustix::process::{Pid, Signal, kill_process};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn kubeadm_that_fails_is_told_with_its_step_and_the_journals() {
    ensure_node_image();
    let cluster = TestCluster::named("kubeadm");
    let creation = cluster.create().spawn();
    kill_kubeadm(&cluster);
    let output = creation.wait().failed(1);
    let output = output.said(&[
        &format!("error: node `{}`: kubeadm init failed:", cluster.node()),
        "--- journal of kipod-node ---",
        "--- journal of kubelet ---",
        "--- journal of crio ---",
        "\nhint: `--retain` keeps the nodes for a look",
    ]);
    // The journals are there, not only their headings. What kubeadm wrote last depends on when it
    // was killed, and systemd may say later what came of it; its shell says it at once.
    assert!(output.stderr.contains("\n  Killed"), "{output}");
    assert!(output.stderr.contains("level=info"), "{output}");
    cluster.assert_nothing_left();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn retaining_keeps_the_nodes_for_a_look() {
    ensure_node_image();
    let cluster = TestCluster::named("retain");
    let creation = cluster.create_with(&["--retain"]).spawn();
    kill_kubeadm(&cluster);
    creation.wait().failed(1).said(&["kubeadm init failed"]);
    let name = cluster.name.as_str();
    assert_eq!(podman(&["inspect", "--format", "{{.State.Status}}", &cluster.node()]), "running");
    let exec = cluster.kipod(&["exec", "--name", name, "systemctl", "is-failed", "kipod-node"]);
    assert_eq!(exec.run().stdout.trim(), "failed");
    let logs = tempfile::tempdir().unwrap();
    let folder = logs.path().to_str().unwrap();
    cluster.kipod(&["export", "logs", "--name", name, folder]).run().ok();
    assert!(logs.path().join(cluster.node()).join("crio.log").exists());
    let json = cluster.kipod(&["get", "clusters", "-o", "json"]).run().ok().json();
    let ours = json.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(ours["state"], "broken");
    let nodes = cluster.kipod(&["get", "nodes", name, "-o", "name"]).run().ok().stdout;
    assert_eq!(nodes, format!("{}\n", cluster.node()));
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_node_that_dies_is_told_at_once() {
    ensure_node_image();
    let cluster = TestCluster::named("dies");
    let mut creation = cluster.create().spawn();
    creation.until_it_says("✓ creating nodes");
    podman(&["stop", "--time", "0", &cluster.node()]);
    let output = creation.wait().failed(1);
    let output = output.said(&[
        &format!("error: node `{}` ended while waiting for the API server", cluster.node()),
        "\nhint: ",
    ]);
    assert!(output.took < LIMIT, "{output}");
    cluster.assert_nothing_left();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn podmans_service_may_be_killed_while_the_cluster_starts() {
    ensure_node_image();
    let cluster = TestCluster::named("service");
    let mut creation = cluster.create().spawn();
    creation.until_it_says("✓ creating nodes");
    let killed = kill_services(&creation);
    kipod_e2e::need!(killed > 0, "a Podman service that kipod starts itself");
    // The containers do not need it, and kipod starts another one.
    creation.wait().ok();
    assert_eq!(cluster.inside().nodes().unwrap(), [(cluster.node(), true)]);
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn podmans_service_killed_in_the_midst_of_its_work_leaves_nothing() {
    ensure_node_image();
    let store = podman(&["info", "--format", "{{.Store.GraphRoot}} {{.Store.GraphDriverName}}"]);
    let (root, driver) = store.trim().split_once(' ').unwrap();
    let root = Path::new(root);
    let containers = root.join(format!("{driver}-containers/containers.json"));
    // The latter two are there before Podman knows of what they belong to.
    for seen in ["the network", "a volume's folder", "a container's files"] {
        let cluster = TestCluster::named("midst");
        let mut creation = cluster.create().spawn();
        let start = Instant::now();
        while !match seen {
            "the network" => root.join(format!("networks/kipod-{}.json", cluster.name)).exists(),
            "a volume's folder" => root.join("volumes").join(cluster.node()).exists(),
            _ => std::fs::read_to_string(&containers)
                .is_ok_and(|text| text.contains(&cluster.node())),
        } {
            assert!(!creation.has_ended(), "before {seen} is there: {}", creation.stderr());
            assert!(start.elapsed() < LIMIT, "{} s are over, and not yet: {seen}", LIMIT.as_secs());
            std::thread::yield_now();
        }
        let killed = kill_services(&creation);
        kipod_e2e::need!(killed > 0, "a Podman service that kipod starts itself");
        let output = creation.wait();
        // What is left, if anything is, has its reason here.
        println!("killed at {seen}: {output}");
        // Between two requests it is started again and nobody notices. Within one it is a failure that
        // says what was asked, and which leaves nothing.
        if output.code() == Some(0) {
            assert_eq!(cluster.inside().nodes().unwrap(), [(cluster.node(), true)]);
            cluster.delete().run().ok();
        } else {
            output.failed(1).said(&[&format!("error: node `{}`: ", cluster.node())]);
        }
        cluster.assert_nothing_left();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn what_does_not_come_about_in_time_is_named() {
    ensure_node_image();
    let cluster = TestCluster::named("wait");
    let output = cluster.create_with(&["--wait", "1ms"]).run().failed(1);
    output.said(&["while waiting for node and DNS to be ready:", "coredns", "\nhint: "]);
    cluster.assert_nothing_left();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_kubeconfig_that_cannot_be_written_costs_no_cluster() {
    ensure_node_image();
    let cluster = TestCluster::named("config");
    std::fs::write(cluster.kubeconfig(), "clusters: [\n").unwrap();
    let output = cluster.create_with(&["--wait", "0s"]).run().failed(1);
    let name = &cluster.name;
    output.said(&[
        &format!("cluster `{name}` is up, but your kubeconfig could not be written: "),
        &format!("run `kipod export kubeconfig {name}`"),
    ]);
    assert_eq!(std::fs::read_to_string(cluster.kubeconfig()).unwrap(), "clusters: [\n");
    std::fs::remove_file(cluster.kubeconfig()).unwrap();
    cluster.kipod(&["export", "kubeconfig", name]).run().ok();
    cluster.inside().until_all_is_well();
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
}

/// Kills kubeadm inside the node, as soon as it runs there.
fn kill_kubeadm(cluster: &TestCluster) {
    let node = cluster.node();
    wait_until("kubeadm runs", LIMIT, || {
        let words = ["exec", &node, "pkill", "-KILL", "-x", "kubeadm"];
        Command::new("podman").args(words).output().unwrap().status.success()
    });
}

/// Kills the Podman services that a kipod started, with their own children, and answers how many
/// processes that were.
fn kill_services(kipod: &Running) -> usize {
    let services =
        kipod.descendants().into_iter().filter(|(_, line)| line.contains("system service"));
    let ids: Vec<u32> = services.map(|(id, _)| id).collect();
    for pid in ids.iter().filter_map(|id| Pid::from_raw(i32::try_from(*id).ok()?)) {
        let _ = kill_process(pid, Signal::KILL);
    }
    ids.len()
}
