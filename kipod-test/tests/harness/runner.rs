//! Tests of this workspace, run as their users run them: by real cargo and real nextest.

// Two packages have this module, and neither needs all of it.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long anything may take before a test fails: cargo has to look through its target folder,
/// and every test at once does so on few processors.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Who runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    Cargo,
    Nextest,
}

/// A run that goes on.
pub(crate) struct Running {
    child: Option<Child>,
}

impl Runner {
    /// Whether this machine has it. Where it has not, says which test does not run.
    pub(crate) fn is_here(self) -> bool {
        static MISSING: AtomicUsize = AtomicUsize::new(0);
        let found = || {
            let mut version = Command::new(env!("CARGO"));
            version.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
            version.status().is_ok_and(|status| status.success())
        };
        if self == Self::Cargo || found() {
            return true;
        }
        let count = MISSING.fetch_add(1, Ordering::Relaxed) + 1;
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        let line = format!("NOT RUN ({count}): {test}: this machine lacks cargo-nextest\n");
        // Not `eprintln`: the test runner keeps to itself what a test that passes prints that way.
        let _ = std::io::stderr().write_all(line.as_bytes());
        false
    }

    /// Runs ignored tests of one target of `kipod-test`, one or all that begin so, with nothing of the
    /// environment that would make them a part of the run they are tested in. Every process of theirs
    /// has `folder` in its environment, where the harness keeps its files.
    pub(crate) fn start(
        self,
        target: &str,
        tests: &str,
        folder: &Path,
        variables: &[(&str, &str)],
    ) -> Running {
        // Jobs in the background of a script ignore interrupts, and so do all their children.
        let mut command = Command::new("env");
        command.args(["--default-signal", env!("CARGO")]);
        // A beginning stands for all its tests, anything else for itself.
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
            .env("KIPOD_ARTIFACTS_DIR", folder.join("artifacts"))
            .env("XDG_STATE_HOME", folder)
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
}

impl Running {
    /// Interrupts it as a terminal does at Ctrl-C: the runner and all that is in its process group.
    pub(crate) fn ctrl_c(&self) {
        let child = self.child.as_ref().unwrap();
        kill_process_group(Pid::from_child(child), Signal::INT).unwrap();
    }

    /// Kills it: the runner and all that is in its process group.
    pub(crate) fn kill_group(&self) {
        let child = self.child.as_ref().unwrap();
        kill_process_group(Pid::from_child(child), Signal::KILL).unwrap();
    }

    /// Kills the runner alone.
    pub(crate) fn kill(&self) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), Signal::KILL).unwrap();
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

/// Every process that has `folder` in its environment.
pub(crate) fn processes(folder: &Path) -> Vec<i32> {
    let folder = folder.to_str().unwrap().as_bytes().to_vec();
    let of = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(folder.len()).any(|window| window == folder)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(of).collect()
}

/// Waits until no process has `folder` in its environment.
#[track_caller]
pub(crate) fn no_process(folder: &Path) {
    let began = Instant::now();
    loop {
        let left = processes(folder);
        if left.is_empty() {
            return;
        }
        assert!(began.elapsed() < LIMIT, "processes are left: {left:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The names of the harness's files for clusters; fails the test where a lock is held.
#[track_caller]
pub(crate) fn unlocked_files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("kipod/test")).unwrap().flatten();
    let unlocked = |entry: std::fs::DirEntry| {
        if entry.file_type().unwrap().is_file() {
            let file = std::fs::File::open(entry.path()).unwrap();
            file.try_lock().unwrap_or_else(|error| panic!("{:?}: {error}", entry.path()));
        }
        entry.file_name().to_string_lossy().into_owned()
    };
    entries.map(unlocked).collect()
}
