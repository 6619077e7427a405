//! The reaper: a process that deletes clusters after a run, however the run ends.
//!
//! It is the test binary itself, started again with one of its tests as the only filter and a job in
//! the environment. That test finds the job and becomes the reaper instead of running. So the reaper
//! is always available and always of the same version, and needs neither an installed program nor
//! code that runs before `main`, which `--list` would run, too. `/proc/self/exe` works even if the
//! binary has been rebuilt since.
//!
//! The reaper has its own session, so signals to the test's process group or terminal do not reach
//! it. It has none of the test's streams, so nextest does not report it as a leak. It blocks until
//! the run's owner has exited and the lease on the cluster is free.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use kipod_engine::lease::{ClusterFiles, LeaseError, Lock};
use kipod_engine::variable;
use serde::{Deserialize, Serialize};

use super::cleanup::{self, CleanupError};
use super::thread::unblock;
use crate::engine_api::error_chain;
use crate::site::TestSite;
use crate::source::ClusterSource;
use crate::test_run::TestRun;

/// Environment variable with the job as JSON. Internal to this module.
const VARIABLE: &str = "KIPOD_REAPER_JOB";
/// Printed by a reaper that holds its lock.
const READY: &str = "kipod-reaper: ready";
/// Printed by a reaper whose run already has one.
const PRESENT: &str = "kipod-reaper: present";
/// Timeout for either line. The host may be starting as many reapers as it has tests.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A reaper that did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReaperError {
    /// The process could not be started.
    #[error("failed to start the reaper process")]
    Spawn(#[source] std::io::Error),
    /// The process exited before it was ready.
    #[error("the reaper process (test `{test}`) exited before it was ready ({status})")]
    Exited { test: &'static str, status: String },
    /// The process did not become ready.
    #[error("timed out after {}s waiting for the reaper process", START_TIMEOUT.as_secs())]
    Timeout,
    /// A lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LeaseError),
}

impl ReaperError {
    /// Returns a hint for the user.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Exited { .. } | Self::Timeout => Some(
                "kipod starts the test binary again with `TEST --exact --include-ignored`, which \
                 requires the standard test harness",
            ),
            Self::Spawn(_) | Self::Lock(_) => None,
        }
    }
}

/// The job of a reaper.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The run to clean up after.
    pub(crate) run: TestRun,
    /// The state directory.
    pub(crate) state_dir: PathBuf,
    /// The cluster.
    pub(crate) cluster: String,
}

impl Job {
    /// Returns the job of this process if it was started as a reaper.
    pub(crate) fn of_this_process() -> Option<Self> {
        serde_json::from_str(&std::env::var(VARIABLE).ok()?).ok()
    }

    fn files(&self) -> ClusterFiles {
        ClusterFiles::new(&self.state_dir, &self.cluster)
    }

    /// Starts a reaper unless the run has one, and blocks until it holds its lock.
    fn start(&self, site: &TestSite) -> Result<Option<Child>, ReaperError> {
        if Lock::is_locked_exclusively(&self.files().reaper(&self.run.id)) {
            return Ok(None);
        }
        let mut child = self.command(site)?.spawn().map_err(ReaperError::Spawn)?;
        let output = child.stdout.take();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // libtest prints its own lines first. The pipe is closed with this thread.
            let lines = output.map(|output| BufReader::new(output).lines()).into_iter().flatten();
            let line = lines.map_while(Result::ok).find(|line| line == READY || line == PRESENT);
            // Without a line, dropping the sender disconnects the channel.
            line.map(|line| sender.send(line));
        });
        match receiver.recv_timeout(START_TIMEOUT) {
            Ok(line) if line == READY => Ok(Some(child)),
            Ok(_) => {
                let _ = child.wait();
                Ok(None)
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = describe(kill(&mut child));
                Err(ReaperError::Exited { test: site.name(), status })
            }
            Err(RecvTimeoutError::Timeout) => {
                let _ = kill(&mut child);
                Err(ReaperError::Timeout)
            }
        }
    }

    fn command(&self, site: &TestSite) -> Result<Command, ReaperError> {
        let job = serde_json::to_string(self).map_err(|error| ReaperError::Spawn(error.into()))?;
        let mut command = Command::new("/proc/self/exe");
        command
            .args(site.libtest_args())
            .env(VARIABLE, job)
            // An instrumented binary would overwrite the coverage of the test.
            .env("LLVM_PROFILE_FILE", "/dev/null")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(path) = variable("KIPOD_KUBECONFIG")
            && let Ok(path) = std::path::absolute(path)
        {
            // The reaper has another working directory.
            command.env("KIPOD_KUBECONFIG", path);
        }
        Ok(command)
    }

    /// Does the job, and exits.
    pub(crate) fn run(self, source: &'static dyn ClusterSource) -> ! {
        // Fails only for the leader of a process group, which this process is not.
        let _ = rustix::process::setsid();
        let status = match self.reap(source) {
            Ok(()) => 0,
            Err(error) => {
                let text = format!("run {}: {}\n", self.run.id, error_chain(&error));
                let _ = std::fs::write(self.files().log(), text);
                1
            }
        };
        std::process::exit(status)
    }

    fn reap(&self, source: &'static dyn ClusterSource) -> Result<(), CleanupError> {
        let files = self.files();
        let Some(lock) = lock(&files.reaper(&self.run.id))? else {
            print_line(PRESENT);
            return Ok(());
        };
        print_line(READY);
        self.run.owner.wait();
        let done = cleanup::after_run(source, &files, &self.run.id, lock);
        // Also cleans up after a reboot, and after a reaper that was killed itself.
        let swept = cleanup::orphans(source, &self.state_dir);
        done.and(swept)
    }
}

fn kill(child: &mut Child) -> std::io::Result<ExitStatus> {
    let _ = child.kill();
    child.wait()
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Takes the reaper lock of a run. Returns `None` if another reaper holds it. Tests that check for a
/// reaper hold the lock for an instant.
fn lock(path: &Path) -> Result<Option<Lock>, LeaseError> {
    for _ in 0..5 {
        if let Some(lock) = Lock::try_exclusive(path)? {
            return Ok(Some(lock));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(None)
}

/// Prints a line, bypassing libtest's output capture.
fn print_line(line: &str) {
    // The test that started the reaper may have been killed; the job remains.
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "\n{line}");
    let _ = output.flush();
}

/// The reaper of a run, which may not be started yet.
pub(crate) struct Reaper {
    job: Job,
    site: TestSite,
    /// The process, if this process started it.
    pub(crate) process: Option<Child>,
}

impl Reaper {
    /// Creates the reaper of a job. `site` is a test of this binary.
    pub(crate) fn new(job: Job, site: TestSite) -> Self {
        Self { job, site, process: None }
    }

    /// Returns the run to clean up after.
    pub(crate) fn run(&self) -> &TestRun {
        &self.job.run
    }

    /// Starts the process unless the run has one.
    pub(crate) async fn ensure_started(&mut self) -> Result<(), ReaperError> {
        let (job, site) = (self.job.clone(), self.site);
        if let Some(process) = unblock(move || job.start(&site)).await? {
            self.process = Some(process);
        }
        Ok(())
    }
}
