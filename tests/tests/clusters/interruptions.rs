//! Ctrl-C, SIGTERM and SIGKILL during creation and deletion.

use std::process::Command;
use std::time::Duration;

use kipod_e2e::{Kipod, Running, TestCluster, ensure_node_image, podman, wait_until};
use rustix::process::Signal;

const TIMEOUT: Duration = Duration::from_secs(60);

/// A stage of a creation that can be observed from outside.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The preflight checks are running.
    Preflight,
    /// The cluster's network exists.
    Network,
    /// The node's container exists. It may not have started.
    Container,
    /// The node is running. kipod waits for the API server.
    Boot,
    /// kubeadm has finished. kipod waits for node and DNS.
    Ready,
}

impl Stage {
    fn wait(self, cluster: &TestCluster, creation: &mut Running) {
        let name = &cluster.name;
        match self {
            Self::Preflight => creation.wait_child("podman"),
            Self::Network => wait_exists(&["network", "exists", &format!("kipod-{name}")]),
            Self::Container => wait_exists(&["container", "exists", &cluster.control_plane()]),
            Self::Boot => creation.wait_stderr("✓ creating nodes"),
            Self::Ready => creation.wait_stderr("✓ bootstrapping with kubeadm"),
        }
    }
}

/// Changes `PATH`, which invalidates kipod's cached result of `podman info`.
fn invalidate_cached_info(kipod: Kipod) -> Kipod {
    let path = std::env::var("PATH").unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    kipod.env("PATH", format!("{path}:/nowhere/{}", now.as_nanos()))
}

fn wait_exists(args: &[&str]) {
    wait_until(&args.join(" "), TIMEOUT, || {
        Command::new("podman").args(args).status().unwrap().success()
    });
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn ctrl_c_removes_everything() {
    ensure_node_image();
    let stages = [Stage::Preflight, Stage::Network, Stage::Container, Stage::Boot, Stage::Ready];
    for stage in stages {
        let cluster = TestCluster::new("ctrlc");
        let mut creation = invalidate_cached_info(cluster.creation()).spawn();
        stage.wait(&cluster, &mut creation);
        creation.ctrl_c();
        let output = creation.wait().failure(130);
        let interrupted = format!("error: creation of cluster `{}` was interrupted", cluster.name);
        let messages = ["stopping, and removing what was created", &interrupted];
        let output = output.stderr_contains(&messages);
        let errors = output.stderr.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{stage:?}: {output}");
        cluster.assert_no_leftovers();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn second_ctrl_c_skips_the_cleanup() {
    ensure_node_image();
    let cluster = TestCluster::new("twice");
    let mut creation = cluster.creation().spawn();
    Stage::Boot.wait(&cluster, &mut creation);
    creation.ctrl_c();
    creation.wait_stderr("stopping, and removing what was created");
    creation.ctrl_c();
    creation.wait().failure(130);
    cluster.delete_completely();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn sigterm_removes_everything_despite_retain() {
    ensure_node_image();
    let cluster = TestCluster::new("term");
    let mut creation = cluster.creation_with(&["--retain"]).spawn();
    Stage::Boot.wait(&cluster, &mut creation);
    creation.signal(Signal::TERM);
    creation.wait().failure(130);
    cluster.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn delete_removes_leftovers_of_a_killed_create() {
    ensure_node_image();
    for stage in [Stage::Preflight, Stage::Network, Stage::Container, Stage::Ready] {
        let cluster = TestCluster::new("killdel");
        kill_creation(&cluster, stage);
        cluster.delete_completely();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_succeeds_after_a_killed_create() {
    ensure_node_image();
    for stage in [Stage::Preflight, Stage::Network, Stage::Container, Stage::Boot] {
        let cluster = TestCluster::new("killnew");
        kill_creation(&cluster, stage);
        let leftovers = cluster.leftovers();
        cluster.creation().run().success();
        assert_eq!(
            cluster.client().nodes().unwrap(),
            [(cluster.control_plane(), true)],
            "{stage:?}"
        );
        let containers = podman(&["ps", "--all", "--quiet", "--filter", &cluster.label_filter()]);
        assert_eq!(containers.lines().count(), 1, "{stage:?}");
        let new = cluster.leftovers();
        cluster.deletion().run().success();
        new.assert_none();
        leftovers.assert_none();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn delete_finishes_a_killed_delete() {
    let cluster = TestCluster::create("killrm");
    let leftovers = cluster.leftovers();
    let deletion = cluster.deletion().spawn();
    // A deletion takes about two seconds, mostly for the container.
    std::thread::sleep(Duration::from_millis(500));
    deletion.signal(Signal::KILL);
    drop(deletion.wait());
    cluster.deletion().run().success();
    leftovers.assert_none();
}

/// Kills a creation at `stage`.
fn kill_creation(cluster: &TestCluster, stage: Stage) {
    let mut creation = cluster.creation().spawn();
    stage.wait(cluster, &mut creation);
    creation.signal(Signal::KILL);
    assert_eq!(creation.wait().code(), None, "{stage:?}");
}
