//! Ctrl-C and SIGKILL, whenever they come.

use std::process::Command;
use std::time::Duration;

use kipod_e2e::{Kipod, Running, TestCluster, ensure_node_image, podman, wait_until};
use rustix::process::Signal;

const LIMIT: Duration = Duration::from_secs(60);

/// The instants at which something happens to a creation, each by what can be seen from outside.
#[derive(Debug, Clone, Copy)]
enum Instant {
    /// The command looks at the machine.
    Early,
    /// The cluster's network is there.
    Network,
    /// The node's container is there, perhaps not started.
    Container,
    /// The node runs, and its API server is waited for.
    Boot,
    /// kubeadm is through, and node and DNS are waited for.
    Ready,
}

impl Instant {
    fn wait(self, cluster: &TestCluster, creation: &mut Running) {
        let name = &cluster.name;
        match self {
            Self::Early => creation.until_it_has_started("podman"),
            Self::Network => until_listed(&["network", "exists", &format!("kipod-{name}")]),
            Self::Container => until_listed(&["container", "exists", &cluster.node()]),
            Self::Boot => creation.until_it_says("✓ creating nodes"),
            Self::Ready => creation.until_it_says("✓ bootstrapping with kubeadm"),
        }
    }
}

/// Another `PATH`, so that Podman is asked for what kipod would remember of it otherwise.
fn ask_podman_again(kipod: Kipod) -> Kipod {
    let path = std::env::var("PATH").unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    kipod.env("PATH", format!("{path}:/nowhere/{}", now.as_nanos()))
}

fn until_listed(words: &[&str]) {
    wait_until(&words.join(" "), LIMIT, || {
        Command::new("podman").args(words).status().unwrap().success()
    });
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn ctrl_c_leaves_nothing() {
    ensure_node_image();
    let instants =
        [Instant::Early, Instant::Network, Instant::Container, Instant::Boot, Instant::Ready];
    for instant in instants {
        let cluster = TestCluster::named("ctrlc");
        let mut creation = ask_podman_again(cluster.create()).spawn();
        instant.wait(&cluster, &mut creation);
        creation.ctrl_c();
        let output = creation.wait().failed(130);
        let interrupted = format!("error: creation of cluster `{}` was interrupted", cluster.name);
        let words = ["stopping, and removing what was created", &interrupted];
        let output = output.said(&words);
        let errors = output.stderr.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{instant:?}: {output}");
        cluster.assert_nothing_left();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_second_ctrl_c_does_not_wait_for_the_clean_up() {
    ensure_node_image();
    let cluster = TestCluster::named("twice");
    let mut creation = cluster.create().spawn();
    Instant::Boot.wait(&cluster, &mut creation);
    creation.ctrl_c();
    creation.until_it_says("stopping, and removing what was created");
    creation.ctrl_c();
    creation.wait().failed(130);
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn sigterm_undoes_even_what_was_to_be_retained() {
    ensure_node_image();
    let cluster = TestCluster::named("term");
    let mut creation = cluster.create_with(&["--retain"]).spawn();
    Instant::Boot.wait(&cluster, &mut creation);
    creation.signal(Signal::TERM);
    creation.wait().failed(130);
    cluster.assert_nothing_left();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn after_a_kill_delete_removes_what_is_left() {
    ensure_node_image();
    for instant in [Instant::Early, Instant::Network, Instant::Container, Instant::Ready] {
        let cluster = TestCluster::named("killdel");
        kill(&cluster, instant);
        let traces = cluster.traces();
        cluster.delete().run().ok();
        traces.assert_gone();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn after_a_kill_create_cleans_up_and_works() {
    ensure_node_image();
    for instant in [Instant::Early, Instant::Network, Instant::Container, Instant::Boot] {
        let cluster = TestCluster::named("killnew");
        kill(&cluster, instant);
        let traces = cluster.traces();
        cluster.create().run().ok();
        assert_eq!(cluster.inside().nodes().unwrap(), [(cluster.node(), true)], "{instant:?}");
        let containers = podman(&["ps", "--all", "--quiet", "--filter", &label(&cluster)]);
        assert_eq!(containers.lines().count(), 1, "{instant:?}");
        let new = cluster.traces();
        cluster.delete().run().ok();
        new.assert_gone();
        traces.assert_gone();
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_deletion_that_is_killed_is_finished_by_the_next() {
    let cluster = TestCluster::created("killrm");
    let traces = cluster.traces();
    let deletion = cluster.delete().spawn();
    // It takes about two seconds, most of them for the container.
    std::thread::sleep(Duration::from_millis(500));
    deletion.signal(Signal::KILL);
    drop(deletion.wait());
    cluster.delete().run().ok();
    traces.assert_gone();
}

fn kill(cluster: &TestCluster, instant: Instant) {
    let mut creation = cluster.create().spawn();
    instant.wait(cluster, &mut creation);
    creation.signal(Signal::KILL);
    assert_eq!(creation.wait().code(), None, "{instant:?}");
}

fn label(cluster: &TestCluster) -> String {
    format!("label=io.kipod.cluster={}", cluster.name)
}
