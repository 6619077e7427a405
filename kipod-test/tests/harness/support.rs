//! Runs the tests of `tests/fixture` under cargo or nextest, and looks what they leave.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::table::{Content, Table};

/// How long anything may take before a test fails: cargo has to look through its target folder,
/// and every test at once does so on few processors.
const LIMIT: Duration = Duration::from_secs(120);

/// Who runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    Cargo,
    Nextest,
}

/// One table of clusters, and one folder for the harness.
pub(crate) struct World {
    pub(crate) table: Table,
    folder: tempfile::TempDir,
}

/// A run that goes on.
pub(crate) struct Running {
    child: Option<Child>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { table: Table::serve(), folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs tests of the fixture, one or a whole module, with more variables.
    pub(crate) fn start(&self, runner: Runner, tests: &str, variables: &[(&str, &str)]) -> Running {
        // Jobs in the background of a script ignore interrupts, and so do all their children.
        let mut command = Command::new("env");
        command.args(["--default-signal", env!("CARGO")]);
        // A beginning stands for all its tests, anything else for itself.
        let one = !tests.ends_with("::") && !tests.ends_with('_');
        match runner {
            Runner::Cargo => {
                command.args(["test", "--offline", "-p", "kipod-test", "--test", "fixture"]);
                command.args(["--", "--ignored", tests]).args(one.then_some("--exact"));
            }
            Runner::Nextest => {
                command.args(["nextest", "run", "--offline", "-p", "kipod-test"]);
                command.args(["--test", "fixture", "--run-ignored", "only", "--no-fail-fast"]);
                let matcher = if one { "=" } else { "~" };
                command.args(["--test-threads", "32", "-E", &format!("test({matcher}{tests})")]);
            }
        }
        // The run must not take itself for a part of the one it is tested in; and a build script
        // that looks at what cargo says of the package runs anew, with all that depends on it.
        const OUTER: [&str; 7] = [
            "NEXTEST",
            "KIPOD_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_MANIFEST_",
            "CARGO_PKG_",
            "CARGO_PRIMARY_",
        ];
        for (name, _) in std::env::vars_os() {
            if OUTER.iter().any(|outer| name.to_string_lossy().starts_with(outer)) {
                command.env_remove(name);
            }
        }
        let child = command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("KIPOD_FAKE", self.table.address.to_string())
            .env("KIPOD_ARTIFACTS_DIR", self.folder().join("artifacts"))
            .env("XDG_STATE_HOME", self.folder())
            .env("CARGO_TERM_COLOR", "never")
            .env_remove("RUST_TEST_THREADS")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // As a shell gives one to what is typed in it.
            .process_group(0)
            .spawn()
            .unwrap();
        Running { child: Some(child) }
    }

    /// Runs tests of the fixture to their end: whether they passed, and all they printed.
    pub(crate) fn run(
        &self,
        runner: Runner,
        tests: &str,
        variables: &[(&str, &str)],
    ) -> (bool, String) {
        self.start(runner, tests, variables).end()
    }

    /// Waits for something to be so.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, so: impl Fn(&Content) -> bool) {
        let began = Instant::now();
        while !so(&self.table.content()) {
            assert!(began.elapsed() < LIMIT, "{what} did not come about");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the body of a test: its process, and that of its runner.
    #[track_caller]
    pub(crate) fn arrival(&self, test: &str) -> (i32, i32) {
        self.wait(&format!("the body of `{test}`"), |content| {
            content.arrived.iter().any(|(name, ..)| name == test)
        });
        let content = self.table.content();
        let (_, pid, parent) = content.arrived.iter().find(|(name, ..)| name == test).unwrap();
        (*pid, *parent)
    }

    /// Waits until no process of the run is left, then sees that no lock is held.
    #[track_caller]
    pub(crate) fn no_process_and_no_lock(&self) {
        let began = Instant::now();
        loop {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            assert!(began.elapsed() < LIMIT, "processes are left: {left:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        for entry in std::fs::read_dir(self.folder().join("kipod/test")).unwrap().flatten() {
            if entry.file_type().unwrap().is_file() {
                let file = std::fs::File::open(entry.path()).unwrap();
                file.try_lock().unwrap_or_else(|error| panic!("{:?}: {error}", entry.path()));
            }
        }
    }

    /// Waits until no process of the run is left, then sees that no file of the harness is.
    #[track_caller]
    pub(crate) fn no_process_and_no_file(&self) {
        self.no_process_and_no_lock();
        let entries = std::fs::read_dir(self.folder().join("kipod/test")).unwrap().flatten();
        let left: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        assert!(left.is_empty(), "files are left: {left:?}");
    }

    /// Every process that has this world's folder in its environment.
    fn processes(&self) -> Vec<i32> {
        let folder = self.folder().to_str().unwrap().as_bytes().to_vec();
        let of = |pid: &i32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.windows(folder.len()).any(|window| window == folder)
        };
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(of).collect()
    }
}

impl Running {
    /// Interrupts it as a terminal does at Ctrl-C: the runner and all that is in its process group.
    pub(crate) fn ctrl_c(&self) {
        let child = self.child.as_ref().unwrap();
        kill_process_group(Pid::from_child(child), Signal::INT).unwrap();
    }

    /// Waits for the end of the run: whether all passed, and all that was printed.
    pub(crate) fn end(mut self) -> (bool, String) {
        let mut child = self.child.take().unwrap();
        let (pid, output) = (child.id().cast_signed(), read_both(&mut child));
        let ended = output.recv_timeout(LIMIT);
        if ended.is_err() {
            signal(pid, Signal::KILL);
        }
        let status = child.wait().unwrap();
        let text = ended.expect("the run did not end");
        (status.success(), text)
    }
}

/// Reads what a child prints, in a thread, until both its streams are closed.
fn read_both(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    std::thread::spawn(move || {
        let other = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            bytes
        });
        let mut bytes = Vec::new();
        let _ = stdout.read_to_end(&mut bytes);
        bytes.extend(other.join().unwrap_or_default());
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed before the end of the run.
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}
