//! The cluster of all cases, and the commands before and after the disturbed one.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use kipod_e2e::endurance::chaos::{Case, Next, Operation, Victim};
use kipod_e2e::endurance::{PodmanLocks, UserFiles, wait_timeout};
use kipod_e2e::{ClusterClient, Kipod, Leftovers, Output, podman};

use crate::disturb::disturb;
use crate::runner::{self, Runner};

/// Timeout for every command: longer than all timeouts of kipod, which it must keep.
const TIMEOUT: Duration = Duration::from_secs(900);

/// One cluster name, a kubeconfig, and the files that no case may change.
pub(crate) struct World {
    cluster: String,
    files: UserFiles,
    config: tempfile::NamedTempFile,
    locks: PodmanLocks,
}

impl World {
    pub(crate) fn new(cluster: &str) -> Result<Self> {
        let files = UserFiles::create()?;
        let config = tempfile::Builder::new().suffix(".yaml").tempfile()?;
        let mounted = files.mounted();
        let text = format!(
            "apiVersion: kipod.io/v1alpha1\nkind: Cluster\nnodes:\n- role: control-plane\n  extraMounts:\n  - hostPath: {}\n    containerPath: /mounted\n",
            mounted.display()
        );
        std::fs::write(config.path(), text)?;
        let world =
            Self { cluster: cluster.to_owned(), files, config, locks: PodmanLocks::count() };
        anyhow::ensure!(!world.exists(), "cluster `{cluster}` exists: choose another name");
        Ok(world)
    }

    /// Runs one case. Returns whether the process was killed before the operation ended. Panics if the case
    /// fails.
    pub(crate) fn run(&self, case: &Case) -> bool {
        match (case.operation.needs_cluster(), self.exists()) {
            (true, false) => drop(self.create().success()),
            (false, true) => self.delete(),
            _ => {}
        }
        let leftovers = self.leftovers();
        let archive =
            (case.operation == Operation::Load).then(|| Archive::build(&self.cluster, case));
        let killed = match case.victim {
            Victim::Runner | Victim::Group => self.disturb_tests(case),
            _ => self.disturb_command(case, archive.as_ref()),
        };
        match case.next {
            Next::Delete => self.delete(),
            Next::Create => self.create_again(),
            Next::Repeat => {
                drop(self.wait(self.command(case, archive.as_ref())).success());
                self.assert_works();
            }
        }
        // Another node costs memory, and may have a dead monitor.
        if case.operation == Operation::AddNode || case.victim == Victim::Conmon {
            self.delete();
        }
        if !self.exists() {
            let remaining = leftovers.remaining();
            assert!(remaining.is_empty(), "leftovers: {remaining:#?}");
        }
        killed
    }

    /// Returns lost locks of Podman and changed files, after the last deletion.
    pub(crate) fn losses(&self) -> Vec<String> {
        let mut losses = self.files.changes();
        match self.locks.lost() {
            None => println!("podman: locks: not reported by this version"),
            Some(0) => println!("podman: locks: none lost"),
            Some(lost) => losses.push(format!("podman: {lost} locks lost")),
        }
        losses
    }

    /// Deletes the cluster. Panics if anything of it remains.
    pub(crate) fn delete(&self) {
        let leftovers = self.leftovers();
        drop(self.wait(self.deletion()).success());
        let remaining = leftovers.remaining();
        assert!(remaining.is_empty(), "leftovers: {remaining:#?}");
        let changes = self.files.changes();
        assert!(changes.is_empty(), "{changes:#?}");
    }

    /// Deletes the cluster after a failed case, as far as possible.
    pub(crate) fn reset(&self) {
        let _ = std::panic::catch_unwind(|| self.wait(self.deletion()));
    }

    fn disturb_command(&self, case: &Case, archive: Option<&Archive>) -> bool {
        let mut running = self.command(case, archive).spawn();
        let killed = disturb(&mut running, case.victim, case.at, &self.cluster);
        let Some(output) = wait_timeout(running, TIMEOUT) else {
            panic!("the command hangs after the SIGKILL");
        };
        let what = if killed { "killed" } else { "ended before" };
        let end = output.code().map_or("by a signal".to_owned(), |code| format!("with {code}"));
        println!("  {what}; exited {end} after {:.1} s", output.elapsed.as_secs_f64());
        killed
    }

    /// Kills a test runner, and waits until the processes of its run have ended, as the reaper does.
    fn disturb_tests(&self, case: &Case) -> bool {
        let runner = match case.operation {
            Operation::Nextest => Runner::Nextest,
            _ => Runner::Cargo,
        };
        assert!(runner.is_here(), "cargo-nextest is not installed");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let [arrived, artifacts] = ["arrived", "artifacts"].map(|name| dir.path().join(name));
        let variables = [
            ("KIPOD_CLUSTER", self.cluster.as_str()),
            ("KIPOD_E2E_ARRIVED", arrived.to_str().expect("a path in UTF-8")),
            ("KIPOD_ARTIFACTS_DIR", artifacts.to_str().expect("a path in UTF-8")),
        ];
        let mut run = runner.start("real", "ends::pass", &state_home(), &variables);
        std::thread::sleep(case.at);
        let killed = !run.has_ended();
        match case.victim {
            _ if !killed => {}
            Victim::Group => run.kill_group(),
            _ => run.kill(),
        }
        let start = Instant::now();
        drop(run.end());
        runner::no_process(dir.path());
        let what = if killed { "killed" } else { "ended before" };
        println!("  {what}; all processes ended after {:.1} s", start.elapsed().as_secs_f64());
        killed
    }

    /// Creates the cluster after an operation that was disturbed. A cluster that is complete in spite of
    /// it is refused, and has to work.
    fn create_again(&self) {
        let output = self.create();
        if output.code() == Some(1) && output.stderr.contains("already exists") {
            println!("  the cluster was complete");
        } else {
            output.success();
            self.assert_single_node();
        }
        self.assert_works();
    }

    /// Fails the case unless the cluster has one container, volume and network.
    fn assert_single_node(&self) {
        let filter = format!("label=io.kipod.cluster={}", self.cluster);
        for list in [["ps", "--all"].as_slice(), &["volume", "ls"], &["network", "ls"]] {
            let found = podman(&[list, &["--quiet", "--filter", &filter]].concat());
            assert_eq!(found.lines().count(), 1, "podman {}: {found}", list.join(" "));
        }
    }

    /// Fails the case unless all nodes are ready.
    fn assert_works(&self) {
        ClusterClient::connect(&self.files.kubeconfig()).wait_ready();
    }

    fn command(&self, case: &Case, archive: Option<&Archive>) -> Kipod {
        match (case.operation, archive) {
            (Operation::Delete, _) => self.deletion(),
            (Operation::AddNode, _) => self.kipod(&["node", "add", "--name", &self.cluster]),
            (Operation::Load, Some(archive)) => {
                let file = archive.file.path().to_str().expect("a path in UTF-8");
                self.kipod(&["load", "image-archive", file, "--name", &self.cluster])
            }
            _ => self.creation(),
        }
    }

    fn create(&self) -> Output {
        self.wait(self.creation())
    }

    fn creation(&self) -> Kipod {
        let config = self.config.path().to_str().expect("a path in UTF-8");
        self.kipod(&["create", "cluster", &self.cluster, "--config", config])
    }

    fn deletion(&self) -> Kipod {
        self.kipod(&["delete", "cluster", &self.cluster])
    }

    fn kipod(&self, args: &[&str]) -> Kipod {
        Kipod::new(args).env("KUBECONFIG", self.files.kubeconfig())
    }

    #[track_caller]
    fn wait(&self, command: Kipod) -> Output {
        wait_timeout(command.spawn(), TIMEOUT).expect("the command exits")
    }

    /// Returns whether there is a complete cluster.
    fn exists(&self) -> bool {
        let list = self.kipod(&["get", "clusters", "--output=name"]).run().success();
        list.stdout.lines().any(|name| name == self.cluster)
    }

    fn leftovers(&self) -> Leftovers {
        Leftovers::new(&self.cluster, &self.files.kubeconfig())
    }
}

/// Returns the directory that contains the state of programs, kipod's among them.
fn state_home() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = || variable("HOME").expect("HOME").join(".local/state");
    variable("XDG_STATE_HOME").unwrap_or_else(home)
}

/// An image archive with content of its own, so that loading it copies something.
struct Archive {
    reference: String,
    file: tempfile::NamedTempFile,
}

impl Archive {
    /// The size of the image's only file.
    const SIZE: u64 = 64 << 20;

    fn build(cluster: &str, case: &Case) -> Self {
        let reference = format!("localhost/{cluster}:{}", case.index);
        let context = tempfile::tempdir().expect("a temporary directory");
        let mut random =
            File::open("/dev/urandom").map(|file| std::io::Read::take(file, Self::SIZE));
        let mut content = File::create(context.path().join("content")).expect("a file");
        std::io::copy(random.as_mut().expect("/dev/urandom"), &mut content).expect("a file");
        std::fs::write(context.path().join("Containerfile"), "FROM scratch\nCOPY content /\n")
            .expect("a file");
        let dir = context.path().to_str().expect("a path in UTF-8");
        podman(&["build", "--quiet", "--tag", &reference, dir]);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let path = file.path().to_str().expect("a path in UTF-8");
        // Podman does not overwrite an archive.
        std::fs::remove_file(file.path()).expect("a removed file");
        podman(&["save", "--quiet", "--output", path, &reference]);
        Self { reference, file }
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let args = ["image", "rm", "--force", self.reference.as_str()];
        let _ = Command::new("podman").args(args).output();
    }
}
