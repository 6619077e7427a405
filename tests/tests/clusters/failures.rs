//! Failures during the creation of a cluster: kubeadm, a node, Podman, the kubeconfig.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kipod_e2e::{Running, TestCluster, ensure_node_image, podman, wait_until};
use rustix::process::{Pid, Signal, kill_process};

const TIMEOUT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_reports_a_kubeadm_failure_with_journals() {
    ensure_node_image();
    let cluster = TestCluster::new("kubeadm");
    let creation = cluster.creation().spawn();
    kill_kubeadm(&cluster);
    let output = creation.wait().failure(1);
    let output = output.stderr_contains(&[
        &format!("error: node `{}`: kubeadm init failed:", cluster.control_plane()),
        "\n  logs: /",
        "\nhint: `--retain` keeps the nodes for inspection",
    ]);
    let file = output.stderr.lines().find_map(|line| line.strip_prefix("  logs: ")).unwrap();
    let logs = std::fs::read_to_string(file).unwrap();
    for unit in ["kipod-node", "kubelet", "crio"] {
        assert!(logs.contains(&format!("--- {unit} ---\n")), "{logs}");
    }
    // The journals are not empty. The last lines of kubeadm depend on when it was killed, and systemd
    // may log its exit later; its shell logs it immediately.
    assert!(logs.lines().any(|line| line.starts_with("Killed")), "{logs}");
    assert!(logs.contains("level=info"), "{logs}");
    cluster.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_names_a_component_that_cannot_run() {
    ensure_node_image();
    // A static pod, and a unit: kube-apiserver has no such flag, and kubelet refuses the number.
    let server = "kind: ClusterConfiguration, apiServer: {extraArgs: {no-such-flag: '1'}}";
    let kubelet = "kind: KubeletConfiguration, maxPods: -1";
    for (patch, component, cause) in [
        (server, "kube-apiserver", "unknown flag: --no-such-flag"),
        (kubelet, "kubelet", "maxPods"),
    ] {
        let cluster = TestCluster::new("exits");
        let head = "kind: Cluster\napiVersion: kipod.io/v1alpha1\n";
        let config = format!("{head}kubeadmConfigPatches: [\"{{{patch}}}\"]\n");
        let output = cluster.creation_from(&config).run().failure(1);
        let node = cluster.control_plane();
        let first = output.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert!(
            first.starts_with(&format!("error: node `{node}`: {component} exited ")),
            "{first}"
        );
        assert!(first.contains(cause), "{first}");
        let lines = output.stderr.lines().skip_while(|line| *line != first).count();
        assert!(lines <= 20, "{output}");
        assert!(output.elapsed < TIMEOUT, "{output}");
        cluster.assert_no_leftovers();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn retain_keeps_the_nodes_of_a_failed_creation() {
    ensure_node_image();
    let cluster = TestCluster::new("retain");
    let creation = cluster.creation_with(&["--retain"]).spawn();
    kill_kubeadm(&cluster);
    creation.wait().failure(1).stderr_contains(&["kubeadm init failed"]);
    let name = cluster.name.as_str();
    assert_eq!(
        podman(&["inspect", "--format", "{{.State.Status}}", &cluster.control_plane()]),
        "running"
    );
    // kubeadm runs in both.
    let units = ["systemctl", "is-failed", "kipod-prepare", "kipod-node"];
    let states = cluster.kipod(&[&["exec", "--name", name], &units[..]].concat()).run().stdout;
    assert!(states.lines().any(|state| state == "failed"), "{states}");
    let logs = tempfile::tempdir().unwrap();
    let dir = logs.path().to_str().unwrap();
    cluster.kipod(&["export", "logs", "--name", name, dir]).run().success();
    assert!(logs.path().join(cluster.control_plane()).join("crio.log").exists());
    let json = cluster.kipod(&["get", "clusters", "-o", "json"]).run().success().json();
    let ours = json.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(ours["state"], "incomplete");
    let nodes = cluster.kipod(&["get", "nodes", name, "-o", "name"]).run().success().stdout;
    assert_eq!(nodes, format!("{}\n", cluster.control_plane()));
    cluster.delete_completely();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_reports_a_stopped_node_immediately() {
    ensure_node_image();
    let cluster = TestCluster::new("dies");
    let mut creation = cluster.creation().spawn();
    creation.wait_stderr("✓ creating nodes");
    podman(&["stop", "--time", "0", &cluster.control_plane()]);
    let output = creation.wait().failure(1);
    let output = output.stderr_contains(&[
        &format!(
            "error: node `{}` exited while waiting for the API server",
            cluster.control_plane()
        ),
        "\nhint: ",
    ]);
    assert!(output.elapsed < TIMEOUT, "{output}");
    cluster.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_survives_a_kill_of_podmans_service() {
    ensure_node_image();
    let cluster = TestCluster::new("service");
    let mut creation = cluster.creation().spawn();
    creation.wait_stderr("✓ creating nodes");
    let killed = kill_services(&creation);
    kipod_results::require!(killed > 0, "a Podman service that kipod starts itself");
    // The containers do not depend on the service, and kipod restarts it.
    creation.wait().success();
    assert_eq!(cluster.client().nodes().unwrap(), [(cluster.control_plane(), true)]);
    lose_container(&cluster);
    cluster.delete_completely();
}

/// Removes the container of a cluster, as `podman rm --all` does. Such a cluster can only be deleted.
fn lose_container(cluster: &TestCluster) {
    let (name, node) = (cluster.name.as_str(), cluster.control_plane());
    podman(&["rm", "--force", "--time", "0", &node]);
    assert_eq!(cluster.state(), "missing");
    for action in ["stop", "start"] {
        let text = format!("podman has no container `{node}` of cluster `{name}`\nhint: ");
        cluster.kipod(&[action, "cluster", name]).run().failure(1).stderr_contains(&[&text]);
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn kill_of_podmans_service_leaves_nothing() {
    ensure_node_image();
    let store = podman(&["info", "--format", "{{.Store.GraphRoot}} {{.Store.GraphDriverName}}"]);
    let (root, driver) = store.trim().split_once(' ').unwrap();
    let root = Path::new(root);
    let containers = root.join(format!("{driver}-containers/containers.json"));
    // The files of volumes and containers exist before Podman lists them.
    for seen in ["the network", "a volume's directory", "a container's files"] {
        let cluster = TestCluster::new("midst");
        let mut creation = cluster.creation().spawn();
        let start = Instant::now();
        while !match seen {
            "the network" => root.join(format!("networks/kipod-{}.json", cluster.name)).exists(),
            "a volume's directory" => root.join("volumes").join(cluster.control_plane()).exists(),
            _ => std::fs::read_to_string(&containers)
                .is_ok_and(|text| text.contains(&cluster.control_plane())),
        } {
            assert!(!creation.has_exited(), "exited before {seen} existed: {}", creation.stderr());
            let seconds = TIMEOUT.as_secs();
            assert!(start.elapsed() < TIMEOUT, "timed out after {seconds}s waiting for: {seen}");
            std::thread::yield_now();
        }
        let killed = kill_services(&creation);
        kipod_results::require!(killed > 0, "a Podman service that kipod starts itself");
        let output = creation.wait();
        // Explains leftovers, if the assertion below fails.
        println!("killed at {seen}: {output}");
        // Between two requests, kipod restarts the service. During a request, the creation fails.
        if output.code() == Some(0) {
            assert_eq!(cluster.client().nodes().unwrap(), [(cluster.control_plane(), true)]);
            cluster.deletion().run().success();
        } else {
            output
                .failure(1)
                .stderr_contains(&[&format!("error: node `{}`: ", cluster.control_plane())]);
        }
        cluster.assert_no_leftovers();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_timeout_reports_what_is_not_ready() {
    ensure_node_image();
    let cluster = TestCluster::new("wait");
    let output = cluster.creation_with(&["--wait", "1ms"]).run().failure(1);
    output.stderr_contains(&["waiting for nodes and cluster DNS:", "coredns", "\nhint: "]);
    cluster.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_keeps_cluster_if_kubeconfig_becomes_unreadable() {
    ensure_node_image();
    let cluster = TestCluster::new("config");
    std::fs::write(cluster.kubeconfig(), "clusters: [\n").unwrap();
    cluster.creation().run().failure(1).stderr_contains(&["kubeconfig"]);
    cluster.assert_no_leftovers();
    std::fs::remove_file(cluster.kubeconfig()).unwrap();
    let mut creation = cluster.creation_with(&["--wait", "0s"]).spawn();
    creation.wait_stderr("✓ creating nodes");
    std::fs::write(cluster.kubeconfig(), "clusters: [\n").unwrap();
    let output = creation.wait().failure(1);
    let name = &cluster.name;
    output.stderr_contains(&[
        &format!("cluster `{name}` is ready, but your kubeconfig could not be updated: "),
        &format!("run `kipod export kubeconfig {name}`"),
    ]);
    assert_eq!(std::fs::read_to_string(cluster.kubeconfig()).unwrap(), "clusters: [\n");
    std::fs::remove_file(cluster.kubeconfig()).unwrap();
    cluster.kipod(&["export", "kubeconfig", name]).run().success();
    cluster.client().wait_ready();
    cluster.delete_completely();
}

/// Waits until kubeadm runs in the node, and kills it.
fn kill_kubeadm(cluster: &TestCluster) {
    let node = cluster.control_plane();
    wait_until("kubeadm runs", TIMEOUT, || {
        let args = ["exec", &node, "pkill", "-KILL", "-x", "kubeadm"];
        Command::new("podman").args(args).output().unwrap().status.success()
    });
}

/// Kills the Podman services that kipod started and their children. Returns the number of processes.
fn kill_services(kipod: &Running) -> usize {
    let services =
        kipod.descendants().into_iter().filter(|(_, line)| line.contains("system service"));
    let ids: Vec<u32> = services.map(|(id, _)| id).collect();
    for pid in ids.iter().filter_map(|id| Pid::from_raw(i32::try_from(*id).ok()?)) {
        let _ = kill_process(pid, Signal::KILL);
    }
    ids.len()
}
