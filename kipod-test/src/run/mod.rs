//! One test from beginning to end: acquire, make a namespace, run, judge, tell, take away.

mod body;
mod shape;
mod verdict;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kipod_engine::lease::{ClusterFiles, Kept, LeaseError, Lock};
use tokio::runtime::{Builder, Runtime};

pub use body::{Body, argument};
use verdict::{Outcome, judge};

use crate::apply;
use crate::cluster::Cluster;
use crate::context::TestContext;
use crate::diagnose;
use crate::engine::Engine;
use crate::error::SetupError;
use crate::external;
use crate::harness::{self, Held, say};
use crate::helper;
use crate::images;
use crate::listen;
use crate::name;
use crate::namespace;
use crate::owner::Run;
use crate::settings::Settings;
use crate::share::{self, Job};
use crate::site::{Flavor, Keep, TestSite};
use crate::source::ClusterSource;

/// How long a test's runtime may take to end: a blocking task cannot be cut off.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(1);

/// A test that is set up: its cluster, and its namespace if it has one.
struct Stage {
    site: TestSite,
    settings: Settings,
    held: Arc<Held>,
    namespace: Option<String>,
    /// What stays is on record by this name.
    kept: Option<String>,
    exclusive: Option<Option<std::process::Child>>,
    began: SystemTime,
}

/// Runs a test against clusters of kipod's engine.
///
/// # Panics
///
/// With the panic of the test, if it panicked.
pub fn run<R: std::process::Termination + 'static>(
    site: TestSite,
    body: fn(TestContext) -> Body<R>,
) -> ExitCode {
    run_with(&Engine, site, body)
}

/// Runs a test against clusters of `source`.
///
/// # Panics
///
/// With the panic of the test, if it panicked. Everything else that is wrong makes the exit code
/// that of a failure: a panic would let a test with `#[should_panic]` pass.
pub fn run_with<R: std::process::Termination + 'static>(
    source: &'static dyn ClusterSource,
    site: TestSite,
    body: fn(TestContext) -> Body<R>,
) -> ExitCode {
    let settings = match Settings::of(site.manifest_dir) {
        Ok(settings) => settings,
        Err(faults) => return refuse(&SetupError::Settings(faults)),
    };
    let source = external::source(&settings).unwrap_or(source);
    if let Some(job) = Job::of_this_process() {
        job.run(source);
    }
    if let Some(status) = listen::bind_if_asked() {
        return status;
    }
    Run::leave_no_orphan(settings.orphan_timeout());
    let skip = settings.skip_if_unavailable;
    let stage = match Stage::set_up(source, site, settings) {
        Ok(stage) => stage,
        Err(error) if skip && error.is_unavailable() => {
            say(&format!("skipped: {error}"));
            return ExitCode::SUCCESS;
        }
        Err(error) => return refuse(&error),
    };
    stage.play(body)
}

/// Says why a test could not begin.
fn refuse(error: &SetupError) -> ExitCode {
    eprintln!("kipod: {error}");
    if let Some(hint) = error.hint() {
        eprintln!("  hint: {hint}");
    }
    ExitCode::FAILURE
}

impl Stage {
    fn set_up(
        source: &'static dyn ClusterSource,
        site: TestSite,
        settings: Settings,
    ) -> Result<Self, SetupError> {
        let began = SystemTime::now();
        let wanted = |name| shape::wanted(&site, name);
        if site.exclusive && source.only().is_some() {
            return Err(SetupError::NotOurs);
        }
        let (held, exclusive) = if site.exclusive {
            let name = format!("test-{}", unique_tail(&site));
            let acquired = helper::run(harness::exclusive(source, site, wanted(name)?));
            let (held, reaper) = acquired.ok_or(SetupError::Helper)??;
            (held, Some(reaper))
        } else {
            let name = source.only().unwrap_or_else(|| settings.cluster_of(&site));
            let acquired = helper::run(harness::shared(source, site, wanted(name)?));
            (acquired.ok_or(SetupError::Helper)??, None)
        };
        let mut stage =
            Self { site, settings, held, namespace: None, kept: None, exclusive, began };
        match stage.fill() {
            Ok(()) => Ok(stage),
            Err(error) => {
                if matches!(error, SetupError::Account(_) | SetupError::Apply(_)) {
                    // What is in the cluster says why.
                    stage.tell(true);
                }
                stage.take_away(true);
                Err(error)
            }
        }
    }

    /// All that has to be in the cluster before the body runs.
    fn fill(&mut self) -> Result<(), SetupError> {
        let (site, held) = (self.site, self.held.clone());
        let exclusive = self.exclusive.is_some();
        helper::run(async move {
            forget_predecessors(&held, &test_label(&site), exclusive).await;
            images::check(&Cluster::new(held.clone(), None), site.images).await?;
            apply::manifests(&held, Path::new(site.manifest_dir), site.manifests).await
        })
        .unwrap_or(Err(SetupError::Helper))?;
        match site.namespace {
            true => self.make_namespace(),
            // Nothing of the test's own stays, but its cluster may.
            false => Ok(self.keep(&format!("none-{}", unique_tail(&site)))?),
        }
    }

    /// Says that a namespace may have to stay, and with it the cluster. It is said before the namespace
    /// is there, and taken back when the test has passed: so it stays too when the process ends in
    /// between.
    fn keep(&mut self, namespace: &str) -> Result<(), LeaseError> {
        if self.settings.keep_of(&self.site) == Keep::Never {
            return Ok(());
        }
        let kept = Kept {
            namespace: namespace.to_owned(),
            test: test_label(&self.site),
            run: self.held.run.id.clone(),
        };
        self.held.files.keep(&kept)?;
        self.kept = Some(kept.namespace);
        Ok(())
    }

    fn make_namespace(&mut self) -> Result<(), SetupError> {
        let (held, site) = (self.held.clone(), self.site);
        let test = test_label(&site);
        let name = name::namespace(site.name(), &[&unique_tail(&site)]);
        self.keep(&name)?;
        self.namespace = Some(name.clone());
        helper::run(async move {
            namespace::create(&held.hold.client, &name, &held.run.id, &test, site.path).await?;
            let folder = Path::new(site.manifest_dir);
            apply::fixtures(&held.hold.client, folder, site.fixtures, &name).await
        })
        .unwrap_or(Err(SetupError::Helper))
    }

    /// Runs the body, and all that follows from how it ended.
    fn play<R: std::process::Termination + 'static>(
        self,
        body: fn(TestContext) -> Body<R>,
    ) -> ExitCode {
        let runtime = match self.runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                let code = refuse(&SetupError::Runtime(error));
                self.take_away(true);
                return code;
            }
        };
        let context = TestContext::new(self.site, self.held.clone(), self.namespace.clone());
        let timeout = self.settings.timeout_of(&self.site);
        let outcome = runtime.block_on(judge(self.site, timeout, move || body(context)));
        let failed = outcome.is_failure(&self.site);
        if failed {
            if let Some(words) = outcome.words() {
                eprintln!("kipod: {words}");
            }
            self.tell(failed);
        }
        // Only now: what the test spawned may be what the diagnostics are about.
        runtime.shutdown_timeout(SHUTDOWN_LIMIT);
        self.take_away(failed);
        match outcome {
            Outcome::Returned(code) => code,
            Outcome::Panicked(payload) => std::panic::resume_unwind(payload),
            Outcome::TimedOut { .. } | Outcome::NotBegun(_) => ExitCode::FAILURE,
        }
    }

    fn runtime(&self) -> std::io::Result<Runtime> {
        let mut builder = match self.site.flavor {
            Flavor::CurrentThread => Builder::new_current_thread(),
            Flavor::MultiThread { worker_threads } => {
                let mut builder = Builder::new_multi_thread();
                if let Some(threads) = worker_threads {
                    builder.worker_threads(threads);
                }
                builder
            }
        };
        builder.enable_all().start_paused(self.site.start_paused).build()
    }

    /// Writes down all that may say why the test failed.
    fn tell(&self, failed: bool) {
        let (held, namespace) = (self.held.clone(), self.namespace.clone());
        let scene = diagnose::Scene { held, namespace, since: self.began };
        diagnose::tell(&scene, &self.site, &self.settings, self.stays(failed));
    }

    /// Whether the namespace stays, and with it the cluster.
    fn stays(&self, failed: bool) -> bool {
        match self.settings.keep_of(&self.site) {
            Keep::Never => false,
            Keep::OnFailure => failed,
            Keep::Always => true,
        }
    }

    /// Takes away what need not stay. What goes wrong here does not change the verdict.
    fn take_away(self, failed: bool) {
        let stays = self.stays(failed);
        if let (false, Some(kept)) = (stays, &self.kept) {
            self.held.files.unkeep(kept);
        }
        if stays {
            let what = match &self.namespace {
                Some(namespace) => format!("namespace `{namespace}`"),
                None => format!("cluster `{}`", self.held.name),
            };
            let line = diagnose::kubectl(&self.held, self.namespace.as_deref());
            eprintln!("kipod: {what} stays; {line}");
        } else if let Some(namespace) = &self.namespace {
            self.delete_namespace(namespace.clone());
        }
        if let Some(reaper) = self.exclusive {
            let (source, files) = (self.held.source, self.held.files.clone());
            // The lease goes with it. Whoever still has a part of the context keeps the cluster
            // until the process ends, and the reaper deletes it then.
            if Arc::into_inner(self.held).is_none() || stays {
                return;
            }
            if let Err(error) = share::release_exclusive(source, &files, reaper) {
                eprintln!("kipod: clean-up: {error}");
            }
        }
    }

    fn delete_namespace(&self, namespace: String) {
        if self.exclusive.is_some() {
            // Its cluster goes as a whole.
            return;
        }
        let held = self.held.clone();
        let deleted = helper::run(async move {
            namespace::delete(&held.hold.client, &namespace)
                .await
                .map_err(|error| (namespace, error))
        });
        if let Some(Err((namespace, error))) = deleted {
            eprintln!("kipod: clean-up: namespace `{namespace}`: {error}");
        }
    }
}

/// Lets go of what earlier runs of the same test left for a look: a namespace of the same cluster is
/// deleted now, a cluster of the test's own when this run ends. A fault here is not the test's.
async fn forget_predecessors(held: &Held, test: &str, exclusive: bool) {
    let clusters = match held.source.state() {
        Ok(state) if exclusive => ClusterFiles::all(&state),
        _ => vec![held.files.clone()],
    };
    for files in clusters {
        for kept in files.all_kept() {
            // A run that still goes on has left nothing yet.
            let lives = || Lock::is_locked_exclusively(&files.reaper(&kept.run));
            if kept.test != test || kept.run == held.run.id || lives() {
                continue;
            }
            if exclusive || namespace::delete(&held.hold.client, &kept.namespace).await.is_ok() {
                files.unkeep(&kept.namespace);
            }
        }
    }
}

/// The test in every run, as a label.
fn test_label(site: &TestSite) -> String {
    format!("{:016x}", name::hash([site.manifest_dir, site.path]))
}

/// What no other execution of any test has.
fn unique_tail(site: &TestSite) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    let attempt = std::env::var("NEXTEST_ATTEMPT").unwrap_or_default();
    let process = std::process::id().to_string();
    let run = Run::current().id;
    let parts = [run.as_str(), site.manifest_dir, site.path, &attempt, &process, &count];
    format!("{:016x}", name::hash(parts))
}
