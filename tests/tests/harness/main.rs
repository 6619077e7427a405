//! `#[kipod::test]` on real clusters, under cargo and nextest. However a run ends, no cluster, container,
//! volume, network, process, file or lock remains.
//!
//! `kipod-test/tests/harness` has the complete matrix, with fake clusters. These tests cover the
//! differences between fake and real ones.

#[path = "../../../kipod-test/tests/harness/runner.rs"]
mod runner;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kipod_e2e::{Kipod, ensure_node_image, podman, wait_until};
use runner::Runner::{self, Cargo, Nextest};
use runner::{Running, no_process, signal, unlocked_files};
use rustix::process::Signal;

/// A state directory and a unique cluster name. If the test fails, dropping it deletes the cluster.
struct Fixture {
    dir: tempfile::TempDir,
    cluster: String,
}

impl Fixture {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        ensure_node_image();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let cluster = format!("e2e-harness-{}-{count}", std::process::id());
        Self { dir: tempfile::tempdir().unwrap(), cluster }
    }

    /// Starts a test of `kipod-test/tests/real.rs`.
    fn start(&self, runner: Runner, test: &str) -> Running {
        let arrived = self.arrival_file();
        let variables = [
            ("KIPOD_CLUSTER", self.cluster.as_str()),
            ("KIPOD_E2E_ARRIVED", arrived.to_str().unwrap()),
            ("KIPOD_TIMEOUT_FACTOR", "3"),
        ];
        runner.start("real", test, self.dir.path(), &variables)
    }

    /// Returns the file that the body of the test writes.
    fn arrival_file(&self) -> PathBuf {
        self.dir.path().join("arrived")
    }

    /// Waits until the body of the test runs. Returns the process ids of the test and of its runner.
    fn wait_arrival(&self) -> (i32, i32) {
        let file = self.arrival_file();
        wait_until("the body of the test", Duration::from_secs(120), || file.exists());
        let text = std::fs::read_to_string(file).unwrap();
        let (pid, parent) = text.split_once(' ').unwrap();
        (pid.parse().unwrap(), parent.parse().unwrap())
    }

    /// Returns `kipod ARGS` with the state directory of the harness.
    fn kipod(&self, args: &[&str]) -> Kipod {
        Kipod::new(args).env("XDG_STATE_HOME", self.dir.path())
    }

    /// Returns the cluster's resources in Podman, and all files in the state directory.
    fn leftovers(&self) -> Vec<String> {
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
        for dir in ["clusters", "locks", "test"] {
            let entries = std::fs::read_dir(self.state_dir().join(dir)).into_iter().flatten();
            let names = entries.flatten().map(|entry| entry.path().display().to_string());
            found.extend(names.map(|name| format!("file: {name}")));
        }
        found
    }

    fn state_dir(&self) -> PathBuf {
        self.dir.path().join("kipod")
    }

    /// Fails the test unless the time factor tunes the cluster: probe periods, garbage collection, and
    /// the start of kube-controller-manager after the API server is ready.
    #[track_caller]
    fn assert_tuned_for_slow_host(&self) {
        let node = format!("{}-control-plane-0", self.cluster);
        let manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
        let manifest = podman(&["exec", &node, "cat", manifest]);
        let periods =
            manifest.lines().filter_map(|line| line.trim().strip_prefix("periodSeconds: "));
        let mut periods: Vec<_> = periods.collect();
        periods.sort_unstable();
        assert_eq!(periods, ["3", "3", "30"], "{manifest}");
        assert!(manifest.contains("name: GOGC\n"), "{manifest}");
        let ps = ["exec", &node, "crictl", "ps", "--all", "--name=kube-controller-manager", "-q"];
        let containers = podman(&ps);
        assert_eq!(containers.lines().count(), 1, "{containers}");
        let script = "created() {
                date +%s -d \"$(crictl inspect --output=go-template --template='{{.status.createdAt}}' \
                    \"$(crictl ps --all --quiet --name=\"$1\")\")\"
            }
            grep -A1 KIPOD_WAIT_FOR_API_SERVER /etc/kubernetes/manifests/kube-controller-manager.yaml
            echo $(($(created kube-controller-manager) - $(created kube-apiserver)))";
        let output = podman(&["exec", &node, "sh", "-c", script]);
        let lines: Vec<&str> = output.lines().map(str::trim).collect();
        let [_, "value: 127.0.0.1:6443", seconds] = lines.as_slice() else { panic!("{output}") };
        assert!((1..100).contains(&seconds.parse::<i64>().unwrap()), "{output}");
        let environment = podman(&["exec", &node, "cat", "/var/lib/kipod/node.env"]);
        assert!(environment.lines().any(|line| line == "GOMAXPROCS=1"), "{environment}");
    }

    #[track_caller]
    fn assert_no_leftovers(&self) {
        no_process(self.dir.path());
        assert_eq!(unlocked_files(self.dir.path()), [""; 0]);
        assert_eq!(self.leftovers(), [""; 0]);
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = std::panic::catch_unwind(|| {
                self.kipod(&["delete", "cluster", &self.cluster]).run()
            });
        }
    }
}

/// Runs a test to its end, which leaves nothing.
fn assert_run_ends(runner: Runner, test: &str, passes: bool) {
    if !runner.is_here() {
        return;
    }
    let fixture = Fixture::new();
    let (passed, output) = fixture.start(runner, test).end();
    assert_eq!(passed, passes, "{output}");
    assert!(fixture.arrival_file().exists(), "{output}");
    let creation = format!("kipod: creating cluster `{}`", fixture.cluster);
    assert!(output.contains(&creation), "{output}");
    fixture.assert_no_leftovers();
}

/// Interrupts a test that hangs, which leaves nothing. `interrupt` gets the process ids of the test and
/// of its runner.
fn assert_interruption_ends(runner: Runner, interrupt: impl FnOnce(&Running, i32, i32)) {
    if !runner.is_here() {
        return;
    }
    let fixture = Fixture::new();
    let run = fixture.start(runner, "ends::hang");
    let (test, parent) = fixture.wait_arrival();
    fixture.assert_tuned_for_slow_host();
    interrupt(&run, test, parent);
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    fixture.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn paused_clock_does_not_break_the_client() {
    assert_run_ends(Cargo, "ends::paused", true);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn nextest_run_with_panic_leaves_nothing() {
    assert_run_ends(Nextest, "ends::panic", false);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn cargo_run_with_abort_leaves_nothing() {
    assert_run_ends(Cargo, "ends::abort", false);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn killed_test_under_cargo_leaves_nothing() {
    assert_interruption_ends(Cargo, |_, test, _| signal(test, Signal::KILL));
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn killed_cargo_and_test_leave_nothing() {
    assert_interruption_ends(Cargo, |_, test, parent| {
        signal(parent, Signal::KILL);
        signal(test, Signal::KILL);
    });
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn ctrl_c_under_cargo_leaves_nothing() {
    assert_interruption_ends(Cargo, |run, _, _| run.ctrl_c());
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn interrupted_nextest_leaves_nothing() {
    assert_interruption_ends(Nextest, |_, _, parent| signal(parent, Signal::INT));
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn killed_run_during_creation_leaves_nothing() {
    let fixture = Fixture::new();
    let run = fixture.start(Cargo, "ends::hang");
    let node = format!("{}-control-plane-0", fixture.cluster);
    wait_until("a container", Duration::from_secs(120), || {
        podman(&["ps", "--all", "--format={{.Names}}"]).lines().any(|name| name == node)
    });
    run.kill_group();
    let (passed, output) = run.end();
    assert!(!passed, "{output}");
    fixture.assert_no_leftovers();
}

/// Kills all processes, including the reaper, as a crash of the host does.
#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn prune_removes_only_clusters_of_dead_runs() {
    let fixture = Fixture::new();
    // Remove older orphans, such as image stores of older node images.
    fixture.kipod(&["prune"]).run().success();
    let run = fixture.start(Cargo, "ends::hang");
    fixture.wait_arrival();
    let pruned = fixture.kipod(&["prune"]).run().success();
    assert!(pruned.stderr.contains("nothing to prune"), "{pruned}");

    // Not the processes of the node, whose environment does not contain the directory.
    for pid in runner::processes(fixture.dir.path()) {
        signal(pid, Signal::KILL);
    }
    drop(run.end());
    no_process(fixture.dir.path());
    let leftovers = fixture.leftovers();
    let dry_run = fixture.kipod(&["prune", "--dry-run"]).run().success();
    assert_eq!(fixture.leftovers(), leftovers);
    let pruned = fixture.kipod(&["prune"]).run().success();
    let node = format!("`{0}-control-plane-0` of cluster `{0}`", fixture.cluster);
    let network = format!("network `kipod-{0}` of cluster `{0}`", fixture.cluster);
    let state = format!("test/{}.json", fixture.cluster);
    let state = format!("file `{}`", fixture.state_dir().join(state).display());
    for what in [&format!("container {node}"), &format!("volume {node}"), &network, &state] {
        assert!(dry_run.stdout.contains(&format!("would remove {what}\n")), "{dry_run}");
        assert!(pruned.stdout.contains(&format!("removed {what}\n")), "{pruned}");
    }
    assert_eq!(pruned.stdout.replace("removed", "would remove"), dry_run.stdout);
    fixture.assert_no_leftovers();
}
