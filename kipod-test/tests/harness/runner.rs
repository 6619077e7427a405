//! Runs tests of this workspace under cargo and nextest.

// Two packages include this module, and neither uses all of it.
#![allow(dead_code)]

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Timeout for all operations. Cargo has to scan its target directory, for all tests at once on few
/// processors.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

/// A test runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    Cargo,
    Nextest,
}

/// A test run in progress.
pub(crate) struct Running {
    child: Option<Child>,
}

impl Runner {
    /// Returns whether the runner is installed. Otherwise reports the calling test as not run.
    pub(crate) fn is_here(self) -> bool {
        let found = || {
            let mut version = Command::new(env!("CARGO"));
            version.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
            version.status().is_ok_and(|status| status.success())
        };
        if self == Self::Cargo || found() {
            return true;
        }
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        kipod_results::report_not_run("harness", test, "needs cargo-nextest");
        false
    }

    /// Starts ignored tests of one target of `kipod-test`: one test, or all with a prefix that ends
    /// with `_` or `::`. They do not inherit the variables that would make them part of the
    /// surrounding run. `dir` is the state directory; all processes of the run have it in their
    /// environment.
    pub(crate) fn start(
        self,
        target: &str,
        tests: &str,
        dir: &Path,
        variables: &[(&str, &str)],
    ) -> Running {
        // Background jobs of a script ignore SIGINT, and so do their children.
        let mut command = Command::new("env");
        command.args(["--default-signal", env!("CARGO")]);
        let one = !tests.ends_with("::") && !tests.ends_with('_');
        match self {
            Self::Cargo => {
                command.args(["test", "--offline", "-p", "kipod-test", "--test", target]);
                command.args(["--", "--ignored", tests]).args(one.then_some("--exact"));
            }
            Self::Nextest => {
                command.args(["nextest", "run", "--offline", "-p", "kipod-test"]);
                command.args(["--test", target, "--run-ignored", "only", "--no-fail-fast"]);
                let matcher = if one { "=" } else { "~" };
                command.args(["--test-threads", "32", "-E", &format!("test({matcher}{tests})")]);
            }
        }
        // Variables of the surrounding run, and variables that would rerun build scripts.
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
            .env("KIPOD_ARTIFACTS_DIR", dir.join("artifacts"))
            .env("XDG_STATE_HOME", dir)
            .env("CARGO_TERM_COLOR", "never")
            .env_remove("RUST_TEST_THREADS")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // As a shell does for a command.
            .process_group(0)
            .spawn()
            .unwrap();
        Running { child: Some(child) }
    }
}

impl Running {
    /// Sends SIGINT to the process group, as a terminal does for Ctrl-C.
    pub(crate) fn ctrl_c(&self) {
        let child = self.child.as_ref().unwrap();
        kill_process_group(Pid::from_child(child), Signal::INT).unwrap();
    }

    /// Kills the process group.
    pub(crate) fn kill_group(&self) {
        let child = self.child.as_ref().unwrap();
        kill_process_group(Pid::from_child(child), Signal::KILL).unwrap();
    }

    /// Kills only the runner.
    pub(crate) fn kill(&self) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), Signal::KILL).unwrap();
    }

    /// Returns whether the runner has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Waits until the run ends. Returns whether all tests passed, and the output.
    pub(crate) fn end(mut self) -> (bool, String) {
        let mut child = self.child.take().unwrap();
        let (pid, output) = (child.id().cast_signed(), read_both(&mut child));
        let ended = output.recv_timeout(TIMEOUT);
        if ended.is_err() {
            signal(pid, Signal::KILL);
        }
        let status = child.wait().unwrap();
        let text = ended.expect("timed out waiting for the run");
        (status.success(), text)
    }
}

/// Reads the output of a child on a thread, until both streams are closed.
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
        // The test failed before the run ended.
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Returns all processes with `dir` in their environment.
pub(crate) fn processes(dir: &Path) -> Vec<i32> {
    let dir = dir.to_str().unwrap().as_bytes().to_vec();
    let matches = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(dir.len()).any(|window| window == dir)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(matches).collect()
}

/// Waits until no process has `dir` in its environment.
#[track_caller]
pub(crate) fn no_process(dir: &Path) {
    let started = Instant::now();
    loop {
        let left = processes(dir);
        if left.is_empty() {
            return;
        }
        assert!(started.elapsed() < TIMEOUT, "remaining processes: {left:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the names of the harness's files for clusters. Fails the test if a lock is held.
#[track_caller]
pub(crate) fn unlocked_files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join("kipod/test")).unwrap().flatten();
    let unlocked = |entry: std::fs::DirEntry| {
        if entry.file_type().unwrap().is_file() {
            let file = std::fs::File::open(entry.path()).unwrap();
            file.try_lock().unwrap_or_else(|error| panic!("{:?}: {error}", entry.path()));
        }
        entry.file_name().to_string_lossy().into_owned()
    };
    entries.map(unlocked).collect()
}
