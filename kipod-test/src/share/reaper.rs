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
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use kipod_engine::lease::{ClusterFiles, Lock, Phase};
use serde::{Deserialize, Serialize};

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
/// How long it may take to write either: the binary has to be loaded, on a machine that may be
/// busy with as many of them as it has tests.
const START_LIMIT: Duration = Duration::from_secs(60);
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
}

impl Job {
    /// The job of this process, if it was started as a reaper.
    pub(crate) fn of_this_process() -> Option<Self> {
        serde_json::from_str(&std::env::var(VARIABLE).ok()?).ok()
    }

    fn files(&self) -> ClusterFiles {
        ClusterFiles::new(&self.state, &self.cluster)
    }

    /// Starts the reaper, unless the run has one; blocks until it holds its lock.
    fn start(&self, site: &TestSite) -> Result<Option<Child>, SetupError> {
        let fail = |text: String| SetupError::Reaper(text);
        if Lock::is_locked_exclusively(&self.files().reaper(&self.run.id)) {
            return Ok(None);
        }
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
            // Without a word the sender goes, and that says it.
            word.map(|word| sender.send(word));
        });
        match receiver.recv_timeout(START_LIMIT) {
            Ok(word) if word == READY => Ok(Some(child)),
            Ok(_) => {
                let _ = child.wait();
                Ok(None)
            }
            Err(error) => {
                let _ = child.kill();
                let status = child.wait().map(|status| status.to_string());
                let status = status.unwrap_or_else(|error| error.to_string());
                Err(fail(match error {
                    RecvTimeoutError::Disconnected => {
                        format!("`{}` did not become one ({status})", site.name())
                    }
                    RecvTimeoutError::Timeout => {
                        format!("nothing heard of it in {} s", START_LIMIT.as_secs())
                    }
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
        let Some(only) = only_one(&files.reaper(&self.run.id))? else {
            say(PRESENT);
            return Ok(());
        };
        say(READY);
        self.run.owner.wait();
        let done = clean_up(source, &files, &self.run.id, Some((&self.run.id, only)));
        // Whatever else went down with the machine, or with a reaper that was killed itself.
        let swept = sweep(source, &self.state);
        done.and(swept)
    }
}

/// The reaper that a run has, or is to have.
pub(crate) struct Reaper {
    job: Job,
    site: TestSite,
    /// Where this process has started it.
    pub(crate) process: Option<Child>,
}

impl Reaper {
    /// That of a job, to be started by a test of this binary.
    pub(crate) fn new(job: Job, site: TestSite) -> Self {
        Self { job, site, process: None }
    }

    /// The run it cleans up after.
    pub(crate) fn run(&self) -> &Run {
        &self.job.run
    }

    /// Starts it, unless the run has one.
    pub(crate) async fn ensure(&mut self) -> Result<(), SetupError> {
        let (job, site) = (self.job.clone(), self.site);
        let started = tokio::task::spawn_blocking(move || job.start(&site)).await;
        if let Some(process) = started.unwrap_or(Err(SetupError::Helper))? {
            self.process = Some(process);
        }
        Ok(())
    }
}

/// The lock of a run's one reaper, if no other has it. Tests who look whether there is one have it for
/// an instant.
fn only_one(path: &Path) -> Result<Option<Lock>, SetupError> {
    for _ in 0..5 {
        if let Some(only) = Lock::try_exclusive(path)? {
            return Ok(Some(only));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(None)
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
    files: &ClusterFiles,
    reaper: Option<Child>,
) -> Result<(), SetupError> {
    // Its own reaper lives until that is done, and is nobody who might still use the cluster.
    clean_up(source, files, &Run::of_this_process().id, None)?;
    if let Some(mut reaper) = reaper {
        let _ = reaper.kill();
        let _ = reaper.wait();
    }
    if let Some(only) = Lock::try_exclusive(&files.reaper(&Run::of_this_process().id))? {
        only.remove();
    }
    // The cluster that an earlier run of the test left for a look, among others.
    let failed = |source| SetupError::Source { name: files.name().to_owned(), source };
    sweep(source, &source.state().map_err(failed)?)
}

/// Waits until nobody uses the cluster, then deletes it if tests made it and nothing in it has to stay,
/// and otherwise the namespaces of the run. A cluster that another run may still use is left to that
/// one's reaper.
fn clean_up(
    source: &'static dyn ClusterSource,
    files: &ClusterFiles,
    own: &str,
    run: Option<(&str, Lock)>,
) -> Result<(), SetupError> {
    let own = files.reaper(own);
    loop {
        // Without the gate, so that those who come meanwhile get in.
        drop(Lock::exclusive(&files.lease(), || {})?);
        let gate = Lock::exclusive(&files.gate(), || {})?;
        let Some(lease) = Lock::try_exclusive(&files.lease())? else { continue };
        let (id, only) = run.unzip();
        let another = |path: &PathBuf| own != *path && Lock::is_locked_exclusively(path);
        let done = match files.reapers().iter().any(another) {
            true => runtime()?.block_on(delete_namespaces(source, files, id)),
            false => finish(source, files, id, &gate),
        };
        // While the gate is held, so that of two reapers one is the last.
        if let Some(only) = only {
            only.remove();
        }
        done?;
        if files.phase()?.is_none() && files.all_kept().is_empty() {
            files.remove(gate, lease)?;
        }
        return Ok(());
    }
}

/// Deletes the clusters that tests made, that nobody uses, and in which nothing has to stay.
fn sweep(source: &'static dyn ClusterSource, state: &Path) -> Result<(), SetupError> {
    let mut first = Ok(());
    if source.only().is_some() {
        // Of a cluster of other people nothing follows for those that tests made.
        return first;
    }
    for files in ClusterFiles::all(state) {
        // Looked at before anything is locked, which would make files.
        if !files.state().exists() {
            continue;
        }
        let Some(gate) = Lock::try_exclusive(&files.gate())? else { continue };
        let Some(lease) = Lock::try_exclusive(&files.lease())? else { continue };
        if files.phase()?.is_none()
            || files.reapers().iter().any(|path| Lock::is_locked_exclusively(path))
        {
            continue;
        }
        first = first.and(finish(source, &files, None, &gate));
        if files.phase()?.is_none() && files.all_kept().is_empty() {
            files.remove(gate, lease)?;
        }
    }
    first
}

/// Deletes what need not stay of a cluster that nobody uses.
fn finish(
    source: &'static dyn ClusterSource,
    files: &ClusterFiles,
    run: Option<&str>,
    gate: &Lock,
) -> Result<(), SetupError> {
    gate.note(&format!("process {} is deleting it", std::process::id()));
    runtime()?.block_on(delete(source, files, run))
}

fn runtime() -> Result<tokio::runtime::Runtime, SetupError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(SetupError::Runtime)
}

async fn delete(
    source: &'static dyn ClusterSource,
    files: &ClusterFiles,
    run: Option<&str>,
) -> Result<(), SetupError> {
    let name = files.name();
    let failed = |source| SetupError::Source { name: name.to_owned(), source };
    let open = source.open(name).await;
    // Nothing can stay in a cluster that somebody has deleted.
    let kept = if matches!(open, Ok(None)) { Vec::new() } else { files.all_kept() };
    let phase = files.phase()?;
    let ours = match (&phase, &open) {
        (None, _) => false,
        (Some(phase), Ok(Some(access))) => phase.is_of(&access.identity),
        // Cut off, or broken: what is left goes.
        (Some(_), _) => true,
    };
    if let Some(phase) = phase.filter(|_| ours && kept.is_empty()) {
        let phase = match phase {
            Phase::Ready(identity) => Phase::Deleting(identity),
            other => other,
        };
        files.set_phase(Some(&phase))?;
        // By what it is and not by its name alone: somebody may make one anew between two attempts.
        retry(|| source.delete(name, &phase)).await.map_err(failed)?;
        files.forget_content();
        return Ok(files.set_phase(None)?);
    }
    if !ours && matches!(open, Ok(Some(_))) {
        // Somebody has made one of that name since.
        files.set_phase(None)?;
    }
    delete_namespaces(source, files, run).await
}

/// Deletes the namespaces of a run, but those that have to stay.
async fn delete_namespaces(
    source: &'static dyn ClusterSource,
    files: &ClusterFiles,
    run: Option<&str>,
) -> Result<(), SetupError> {
    let name = files.name();
    let failed = |source| SetupError::Source { name: name.to_owned(), source };
    let open = source.open(name).await.map_err(failed)?;
    let (Some(access), Some(run)) = (open, run) else { return Ok(()) };
    let unusable = |source| SetupError::Kubeconfig { name: name.to_owned(), source };
    let config = access::config(&access).await.map_err(unusable)?;
    let client = access::own_client(&config).map_err(|error| unusable(error.into()))?;
    let kept = files.all_kept();
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
