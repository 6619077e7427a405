//! The process that cleans up after a run, whatever ends the run.
//!
//! It is the test binary itself, run once more with one of its own tests as the only filter and a
//! job in the environment; that test finds the job and becomes the reaper instead of running. So it
//! is always there, always of the same version, and needs neither an installed program nor code
//! that runs before `main`, which `--list` would run too. `/proc/self/exe` works even when the
//! binary has been built anew in between.
//!
//! It has a session of its own, so no signal to the test's process group or terminal reaches it;
//! no stream of the test's, so nextest does not take it for a leak; and it sleeps until the kernel
//! says that the run's owner is gone and that nobody has the lease.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::files::{Files, Lock};
use super::state::Phase;
use crate::access;
use crate::error::{SetupError, chain};
use crate::namespace;
use crate::owner::Run;
use crate::site::TestSite;
use crate::source::{ClusterSource, SourceError};

/// The job of a reaper, as JSON; nobody but this module sets or reads it.
const VARIABLE: &str = "KIPOD_REAPER_JOB";
/// What a reaper writes when it holds everything that it has to.
const READY: &str = "kipod-reaper: ready";
/// What it writes when the run has one already.
const PRESENT: &str = "kipod-reaper: present";
/// How long it may take to write either.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How often deleting is tried, and how long it is left alone in between.
const ATTEMPTS: [u64; 4] = [1, 5, 20, 60];

/// What one reaper has to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The run it cleans up after.
    pub(crate) run: Run,
    /// The harness's folder.
    pub(crate) state: PathBuf,
    /// The cluster.
    pub(crate) cluster: String,
    /// Whether it uses the cluster itself while the run lives, so that no other run's reaper takes
    /// it away between two tests.
    pub(crate) hold: bool,
}

impl Job {
    /// The job of this process, if it was started as a reaper.
    pub(crate) fn of_this_process() -> Option<Self> {
        serde_json::from_str(&std::env::var(VARIABLE).ok()?).ok()
    }

    fn files(&self) -> Files {
        Files::new(&self.state, &self.cluster)
    }

    /// Starts the reaper, unless the run has one; blocks until it holds what it has to.
    pub(crate) fn start(&self, site: &TestSite) -> Result<Option<Child>, SetupError> {
        let fail = |text: String| SetupError::Reaper(text);
        let job = serde_json::to_string(self).map_err(|error| fail(error.to_string()))?;
        let mut command = Command::new("/proc/self/exe");
        command
            .args(site.alone())
            .env(VARIABLE, job)
            // An instrumented binary would write its counts over those of the test.
            .env("LLVM_PROFILE_FILE", "/dev/null")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(path) = std::env::var_os("KIPOD_KUBECONFIG")
            && let Ok(path) = std::path::absolute(path)
        {
            // Relative to a folder that the reaper is not in.
            command.env("KIPOD_KUBECONFIG", path);
        }
        let mut child = command.spawn().map_err(|error| fail(error.to_string()))?;
        let output = child.stdout.take();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // libtest writes lines of its own first. The pipe is closed with this thread.
            let lines = output.map(|output| BufReader::new(output).lines()).into_iter().flatten();
            let word = lines.map_while(Result::ok).find(|line| line == READY || line == PRESENT);
            let _ = sender.send(word);
        });
        match receiver.recv_timeout(START_LIMIT) {
            Ok(Some(word)) if word == READY => Ok(Some(child)),
            Ok(Some(_)) => {
                let _ = child.wait();
                Ok(None)
            }
            answer => {
                let _ = child.kill();
                let status = child.wait().map(|status| status.to_string());
                let status = status.unwrap_or_else(|error| error.to_string());
                Err(fail(match answer {
                    Ok(_) => format!("`{}` did not become one ({status})", site.name()),
                    Err(_) => format!("nothing heard of it in {} s", START_LIMIT.as_secs()),
                }))
            }
        }
    }

    /// Does the job, and ends the process.
    pub(crate) fn run(self, source: &'static dyn ClusterSource) -> ! {
        // Fails only for the leader of a process group, which nobody made this one.
        let _ = rustix::process::setsid();
        let status = match self.reap(source) {
            Ok(()) => 0,
            Err(error) => {
                let text = format!("run {}: {}\n", self.run.id, chain(&error));
                let _ = std::fs::write(self.files().log(), text);
                1
            }
        };
        std::process::exit(status)
    }

    fn reap(&self, source: &'static dyn ClusterSource) -> Result<(), SetupError> {
        let files = self.files();
        let lease = self.hold.then(|| Lock::shared(&files.lease(), || {})).transpose()?;
        let path = files.reaper(&self.run.id);
        let Some(only) = Lock::try_exclusive(&path)? else {
            say(PRESENT);
            return Ok(());
        };
        say(READY);
        self.run.owner.wait();
        drop(lease);
        let done = clean_up(source, &files, Some(&self.run.id));
        // Whatever else went down with the machine, or with a reaper that was killed itself.
        let swept = sweep(source, &files);
        let done = done.and(swept);
        // Whoever opened it before it goes belongs to a run that is over.
        let _ = std::fs::remove_file(path);
        drop(only);
        done
    }
}

/// Straight to the stream, past what captures the output of tests.
fn say(word: &str) {
    // Nobody may be listening any more, and the job is the same.
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "\n{word}");
    let _ = output.flush();
}

/// Takes away the cluster of one test, whose reaper is not needed any more.
pub(crate) fn release_exclusive(
    source: &'static dyn ClusterSource,
    files: &Files,
    reaper: Option<Child>,
) -> Result<(), SetupError> {
    clean_up(source, files, None)?;
    if let Some(mut reaper) = reaper {
        let _ = reaper.kill();
        let _ = reaper.wait();
    }
    for path in [files.gate(), files.lease(), files.reaper(&Run::of_this_process().id)] {
        // Its name never comes again, so neither does anybody who waits for it.
        let _ = std::fs::remove_file(path);
    }
    // The cluster that an earlier run of the test left for a look, among others.
    sweep(source, files)
}

/// Waits until nobody uses the cluster, then deletes it if the harness made it and nothing in it
/// has to stay, and otherwise the namespaces of the run.
fn clean_up(
    source: &'static dyn ClusterSource,
    files: &Files,
    run: Option<&str>,
) -> Result<(), SetupError> {
    loop {
        // Without the gate, so that those who come meanwhile get in.
        drop(Lock::exclusive(&files.lease(), || {})?);
        let _gate = Lock::exclusive(&files.gate(), || {})?;
        let Some(_alone) = Lock::try_exclusive(&files.lease())? else { continue };
        return runtime()?.block_on(delete(source, files, run));
    }
}

/// Deletes the clusters that the harness made, that nobody uses, and in which nothing has to stay.
fn sweep(source: &'static dyn ClusterSource, own: &Files) -> Result<(), SetupError> {
    let mut first = Ok(());
    for files in own.all() {
        let Some(_gate) = Lock::try_exclusive(&files.gate())? else { continue };
        let Some(_alone) = Lock::try_exclusive(&files.lease())? else { continue };
        if files.phase()?.is_some() {
            first = first.and(runtime()?.block_on(delete(source, &files, None)));
        }
    }
    first
}

fn runtime() -> Result<tokio::runtime::Runtime, SetupError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(SetupError::Runtime)
}

async fn delete(
    source: &'static dyn ClusterSource,
    files: &Files,
    run: Option<&str>,
) -> Result<(), SetupError> {
    let name = files.name();
    let failed = |source| SetupError::Source { name: name.to_owned(), source };
    let kept = files.all_kept();
    let open = source.open(name).await;
    let phase = files.phase()?;
    let ours = match (&phase, &open) {
        (None, _) => false,
        (Some(phase), Ok(Some(access))) => phase.is_of(&access.identity),
        // Cut off, or broken: what is left goes.
        (Some(_), _) => true,
    };
    if ours && kept.is_empty() {
        if let Some(Phase::Ready(identity)) = phase {
            files.set_phase(Some(&Phase::Deleting(identity)))?;
        }
        retry(|| source.delete(name)).await.map_err(failed)?;
        files.forget_content();
        return files.set_phase(None);
    }
    let (Some(access), Some(run)) = (open.map_err(failed)?, run) else { return Ok(()) };
    let client = access::client(&access, None)
        .await
        .map_err(|source| SetupError::Kubeconfig { name: name.to_owned(), source })?;
    let kept: Vec<&str> = kept.iter().map(|kept| kept.namespace.as_str()).collect();
    namespace::delete_of_run(&client, run, &kept).await
}

/// Podman may be busy, or a disk full, just now.
async fn retry<'a>(work: impl Fn() -> crate::source::Reply<'a, ()>) -> Result<(), SourceError> {
    for pause in ATTEMPTS {
        if work().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(pause)).await;
    }
    work().await
}
