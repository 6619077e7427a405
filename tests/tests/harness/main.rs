//! `#[kipod::test]` on real clusters, ended in every way that matters: real cargo, real nextest, real
//! Podman. In the end there is no cluster, container, volume, network, process, file or lock. The whole
//! matrix is in `kipod-test/tests/harness`, with clusters that are entries in a table; here is where
//! that differs from the real thing.

#[path = "../../../kipod-test/tests/harness/runner.rs"]
mod runner;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kipod_e2e::{Kipod, ensure_node_image, podman, wait_until};
use runner::Runner::{self, Cargo, Nextest};
use runner::{Running, no_process, signal, unlocked_files};
use rustix::process::Signal;

/// A folder for the harness and a name for a cluster, both of one test alone. What is left of it when
/// the test fails goes with this value.
struct World {
    folder: tempfile::TempDir,
    cluster: String,
}

impl World {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        ensure_node_image();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let cluster = format!("e2e-harness-{}-{count}", std::process::id());
        Self { folder: tempfile::tempdir().unwrap(), cluster }
    }

    fn start(&self, runner: Runner, test: &str) -> Running {
        let arrived = self.arrived();
        let variables = [
            ("KIPOD_CLUSTER", self.cluster.as_str()),
            ("KIPOD_E2E_ARRIVED", arrived.to_str().unwrap()),
            ("KIPOD_TIMEOUT_FACTOR", "3"),
        ];
        runner.start("real", test, self.folder.path(), &variables)
    }

    fn arrived(&self) -> PathBuf {
        self.folder.path().join("arrived")
    }

    /// Waits for the body of the test: its process, and that of its runner.
    fn arrival(&self) -> (i32, i32) {
        wait_until("the body of the test", Duration::from_secs(120), || self.arrived().exists());
        let text = std::fs::read_to_string(self.arrived()).unwrap();
        let (pid, parent) = text.split_once(' ').unwrap();
        (pid.parse().unwrap(), parent.parse().unwrap())
    }

    /// `kipod` with the harness's state for its own.
    fn kipod(&self, words: &[&str]) -> Kipod {
        Kipod::new(words).env("XDG_STATE_HOME", self.folder.path())
    }

    /// What Podman has of the cluster, and what kipod notes of any.
    fn traces(&self) -> Vec<String> {
        let filter = format!("label=io.kipod.cluster={}", self.cluster);
        let mut found = Vec::new();
        for list in [
            ["ps", "--all", "--format={{.Names}}"].as_slice(),
            &["volume", "ls", "--format={{.Name}}"],
            &["network", "ls", "--format={{.Name}}"],
        ] {
            let listed = podman(&[list, &["--filter", &filter]].concat());
            found.extend(listed.lines().map(|name| format!("podman {}: {name}", list[0])));
        }
        for folder in ["clusters", "locks", "test"] {
            let entries = std::fs::read_dir(self.state().join(folder)).into_iter().flatten();
            let names = entries.flatten().map(|entry| entry.path().display().to_string());
            found.extend(names.map(|name| format!("file: {name}")));
        }
        found
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("kipod")
    }

    /// The API server is asked as seldom, and collects its garbage as seldom, as the time factor says, and who
    /// would not wait for it was held back until it was ready, and no longer.
    #[track_caller]
    fn assert_is_as_slow_as_was_said(&self) {
        let node = format!("{}-control-plane-0", self.cluster);
        let manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
        let manifest = podman(&["exec", &node, "cat", manifest]);
        let periods =
            manifest.lines().filter_map(|line| line.trim().strip_prefix("periodSeconds: "));
        let mut periods: Vec<_> = periods.collect();
        periods.sort_unstable();
        assert_eq!(periods, ["3", "3", "30"], "{manifest}");
        assert!(manifest.contains("name: GOGC\n"), "{manifest}");
        let made = ["exec", &node, "crictl", "ps", "--all", "--name=kube-controller-manager", "-q"];
        let made = podman(&made);
        assert_eq!(made.lines().count(), 1, "{made}");
        let script = "made() {
                date +%s -d \"$(crictl inspect --output=go-template --template='{{.status.createdAt}}' \
                    \"$(crictl ps --all --quiet --name=\"$1\")\")\"
            }
            grep -A1 KIPOD_WAIT_FOR_API_SERVER /etc/kubernetes/manifests/kube-controller-manager.yaml
            echo $(($(made kube-controller-manager) - $(made kube-apiserver)))";
        let held = podman(&["exec", &node, "sh", "-c", script]);
        let lines: Vec<&str> = held.lines().map(str::trim).collect();
        let [_, "value: 127.0.0.1:6443", seconds] = lines.as_slice() else { panic!("{held}") };
        assert!((1..100).contains(&seconds.parse::<i64>().unwrap()), "{held}");
        let environment = podman(&["exec", &node, "cat", "/var/lib/kipod/node.env"]);
        assert!(environment.lines().any(|line| line == "GOMAXPROCS=1"), "{environment}");
    }

    #[track_caller]
    fn assert_nothing_is_left(&self) {
        no_process(self.folder.path());
        assert_eq!(unlocked_files(self.folder.path()), [""; 0]);
        assert_eq!(self.traces(), [""; 0]);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = std::panic::catch_unwind(|| {
                self.kipod(&["delete", "cluster", &self.cluster]).run()
            });
        }
    }
}

/// A test that ends by itself.
fn ends(runner: Runner, test: &str, passes: bool) {
    if !runner.is_here() {
        return;
    }
    let world = World::new();
    let (passed, output) = world.start(runner, test).end();
    assert_eq!(passed, passes, "{output}");
    assert!(world.arrived().exists(), "{output}");
    assert!(output.contains(&format!("kipod: creating cluster `{}`", world.cluster)), "{output}");
    world.assert_nothing_is_left();
}

/// A test that hangs, and what happens then to the test and its runner.
fn is_met(runner: Runner, by: impl FnOnce(&Running, i32, i32)) {
    if !runner.is_here() {
        return;
    }
    let world = World::new();
    let run = world.start(runner, "ends::hang");
    let (test, parent) = world.arrival();
    world.assert_is_as_slow_as_was_said();
    by(&run, test, parent);
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    world.assert_nothing_is_left();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_clock_that_stands_still_reaches_the_api_server() {
    ends(Cargo, "ends::paused", true);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_panic_under_nextest() {
    ends(Nextest, "ends::panic", false);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn an_abort_under_cargo() {
    ends(Cargo, "ends::abort", false);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_test_is_killed_under_cargo() {
    is_met(Cargo, |_, test, _| signal(test, Signal::KILL));
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn cargo_is_killed_and_then_its_test() {
    is_met(Cargo, |_, test, parent| {
        signal(parent, Signal::KILL);
        signal(test, Signal::KILL);
    });
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn ctrl_c_under_cargo() {
    is_met(Cargo, |run, _, _| run.ctrl_c());
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn nextest_is_interrupted() {
    is_met(Nextest, |_, _, parent| signal(parent, Signal::INT));
}

/// Cargo and the test die while the test creates its cluster.
#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn all_is_killed_during_creation() {
    let world = World::new();
    let run = world.start(Cargo, "ends::hang");
    let node = format!("{}-control-plane-0", world.cluster);
    wait_until("a container", Duration::from_secs(120), || {
        podman(&["ps", "--all", "--format={{.Names}}"]).lines().any(|name| name == node)
    });
    run.kill_group();
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    world.assert_nothing_is_left();
}

/// Everything dies, the reaper too, as when the machine goes down. `kipod prune` finds what is left, once
/// nobody uses it, and nothing else.
#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn all_is_killed_and_pruned() {
    let world = World::new();
    // What belonged to nobody before, such as the image store of an older node image.
    world.kipod(&["prune"]).run().ok();
    let run = world.start(Cargo, "ends::hang");
    world.arrival();
    let pruned = world.kipod(&["prune"]).run().ok();
    assert!(pruned.stderr.contains("nothing to prune"), "{pruned}");

    // The container's processes have another environment.
    for pid in runner::processes(world.folder.path()) {
        signal(pid, Signal::KILL);
    }
    drop(run.end());
    no_process(world.folder.path());
    let left = world.traces();
    let dry = world.kipod(&["prune", "--dry-run"]).run().ok();
    assert_eq!(world.traces(), left);
    let pruned = world.kipod(&["prune"]).run().ok();
    let node = format!("`{0}-control-plane-0` of cluster `{0}`", world.cluster);
    let network = format!("network `kipod-{0}` of cluster `{0}`", world.cluster);
    let state = file(&world.state(), &format!("test/{}.json", world.cluster));
    for what in [&format!("container {node}"), &format!("volume {node}"), &network, &state] {
        assert!(dry.stdout.contains(&format!("would remove {what}\n")), "{dry}");
        assert!(pruned.stdout.contains(&format!("removed {what}\n")), "{pruned}");
    }
    assert_eq!(pruned.stdout.replace("removed", "would remove"), dry.stdout);
    world.assert_nothing_is_left();
}

fn file(folder: &Path, name: &str) -> String {
    format!("file `{}`", folder.join(name).display())
}
