//! The session of one test: acquire a cluster, apply objects, run the body, report a failure, tear
//! down.

mod acquire;
mod body;
mod error;
mod identity;
mod kept;
mod outcome;
mod request;

use std::path::Path;
use std::process::{Child, ExitCode, Termination};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kipod_engine::lease::{Kept, LeaseError};
use tokio::runtime::{Builder, Runtime};

pub use body::{Body, argument};
use error::SetupError;
use outcome::{Outcome, execute};

use crate::apply;
use crate::background::reaper::Job;
use crate::background::{cleanup, socket, thread, watchdog};
use crate::cluster::Cluster;
use crate::context::TestContext;
use crate::diagnose;
use crate::engine::Engine;
use crate::engine_api::error_chain;
use crate::external;
use crate::images;
use crate::lease::ClusterLease;
use crate::name;
use crate::namespace;
use crate::output::notice;
use crate::settings::Settings;
use crate::site::{Flavor, Keep, TestSite};
use crate::source::ClusterSource;
use crate::wait;

/// Timeout for the shutdown of a test's runtime: blocking tasks cannot be aborted.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// A test with its cluster and, if it has one, its namespace.
struct TestSession {
    site: TestSite,
    settings: Settings,
    lease: Arc<ClusterLease>,
    namespace: Option<String>,
    /// Name of the record that the namespace or cluster is kept.
    kept: Option<String>,
    /// The reaper of an exclusive cluster, if this process started it.
    reaper: Option<Child>,
    started: SystemTime,
}

/// Runs a test on clusters of kipod's engine.
///
/// # Panics
///
/// With the panic of the test.
pub fn run<R: Termination + 'static>(site: TestSite, body: fn(TestContext) -> Body<R>) -> ExitCode {
    run_with(&Engine, site, body)
}

/// Runs a test on clusters of `source`.
///
/// # Panics
///
/// With the panic of the test. All other errors are returned as a failure: a panic would pass a test
/// with `#[should_panic]`.
pub fn run_with<R: Termination + 'static>(
    source: &'static dyn ClusterSource,
    site: TestSite,
    body: fn(TestContext) -> Body<R>,
) -> ExitCode {
    let settings = match Settings::read(site.manifest_dir) {
        Ok(settings) => settings,
        Err(error) => return fail(&error.into()),
    };
    let source = external::source(&settings).unwrap_or(source);
    if let Some(job) = Job::of_this_process() {
        job.run(source);
    }
    if let Some(status) = socket::bind_if_requested() {
        return status;
    }
    watchdog::exit_when_orphaned(settings.orphan_timeout());
    let skip = settings.skip_if_unavailable;
    let mut session = match TestSession::acquire(source, site, settings) {
        Ok(session) => session,
        Err(error) if skip && error.is_unavailable() => {
            notice(&format!("skipped: {}", error_chain(&error)));
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&error),
    };
    if let Err(error) = session.apply() {
        if error.needs_diagnostics() {
            session.report(true);
        }
        session.teardown(true);
        return fail(&error);
    }
    session.run(body)
}

/// Prints an error that prevents a test from running.
fn fail(error: &SetupError) -> ExitCode {
    eprintln!("kipod: {}", error_chain(error));
    if let Some(hint) = error.hint() {
        eprintln!("  hint: {hint}");
    }
    ExitCode::FAILURE
}

impl TestSession {
    /// Acquires the cluster of a test, and creates it if necessary.
    fn acquire(
        source: &'static dyn ClusterSource,
        site: TestSite,
        settings: Settings,
    ) -> Result<Self, SetupError> {
        let started = SystemTime::now();
        let external = source.external_cluster();
        let (lease, reaper) = if site.exclusive {
            if external.is_some() {
                return Err(SetupError::ExternalExclusive);
            }
            let name = format!("test-{}", identity::unique_suffix(&site));
            let request = request::new(&site, name)?;
            thread::run(acquire::exclusive(source, site, request))??
        } else {
            let name = external.unwrap_or_else(|| settings.cluster_of(&site));
            let request = request::new(&site, name)?;
            (thread::run(acquire::shared(source, site, request))??, None)
        };
        Ok(Self { site, settings, lease, namespace: None, kept: None, reaper, started })
    }

    /// Applies everything that the body requires: manifests, the namespace and fixtures.
    fn apply(&mut self) -> Result<(), SetupError> {
        let (site, lease) = (self.site, self.lease.clone());
        thread::run(async move {
            kept::release(&lease, &site).await;
            let missing = images::missing(&Cluster::new(lease.clone(), None), site.images).await;
            let missing = missing.map_err(SetupError::ListImages)?;
            if !missing.is_empty() {
                return Err(SetupError::MissingImages(missing));
            }
            apply::manifests(&lease, Path::new(site.manifest_dir), site.manifests).await?;
            Ok(())
        })??;
        match site.namespace {
            true => self.create_namespace(),
            // There is no namespace to keep, but the cluster may be kept.
            false => Ok(self.record_kept(&format!("none-{}", identity::unique_suffix(&site)))?),
        }
    }

    fn create_namespace(&mut self) -> Result<(), SetupError> {
        let (lease, site) = (self.lease.clone(), self.site);
        let name = name::namespace(site.name(), &[&identity::unique_suffix(&site)]);
        self.record_kept(&name)?;
        self.namespace = Some(name.clone());
        thread::run(async move {
            let (client, run) = (&lease.client, &lease.run.id);
            let label = identity::test_label(&site);
            namespace::create(client, &name, run, &label, site.path).await?;
            if !namespace::create_default_service_account(client, &name).await {
                let waited = wait::default_service_account(client, &name).await;
                waited.map_err(SetupError::ServiceAccount)?;
            }
            apply::fixtures(client, Path::new(site.manifest_dir), site.fixtures, &name).await?;
            Ok(())
        })?
    }

    /// Records that a namespace, and with it the cluster, may be kept. The record is written before
    /// the namespace is created, and removed after the test has passed, so that the namespace is also
    /// kept if the process dies in between.
    fn record_kept(&mut self, namespace: &str) -> Result<(), LeaseError> {
        if self.settings.keep_of(&self.site) == Keep::Never {
            return Ok(());
        }
        let kept = Kept {
            namespace: namespace.to_owned(),
            test: identity::test_label(&self.site),
            run: self.lease.run.id.clone(),
        };
        self.lease.files.keep(&kept)?;
        self.kept = Some(kept.namespace);
        Ok(())
    }

    /// Runs the body, and completes the session.
    fn run<R: Termination + 'static>(self, body: fn(TestContext) -> Body<R>) -> ExitCode {
        let runtime = match self.create_runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                let code = fail(&SetupError::Runtime(error));
                self.teardown(true);
                return code;
            }
        };
        let context = TestContext::new(self.site, self.lease.clone(), self.namespace.clone());
        let timeout = self.settings.timeout_of(&self.site);
        let outcome = runtime.block_on(execute(timeout, move || body(context)));
        let failed = outcome.is_failure(&self.site);
        if failed {
            if let Some(message) = outcome.message() {
                eprintln!("kipod: {message}");
            }
            self.report(failed);
        }
        // After the report, which may describe tasks that the test has spawned.
        runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
        self.teardown(failed);
        match outcome {
            Outcome::Returned(code) => code,
            Outcome::Panicked(payload) => std::panic::resume_unwind(payload),
            Outcome::TimedOut { .. } | Outcome::NoArgument(_) => ExitCode::FAILURE,
        }
    }

    fn create_runtime(&self) -> std::io::Result<Runtime> {
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

    /// Collects diagnostics and prints a summary.
    fn report(&self, failed: bool) {
        let Self { site, settings, lease, started, .. } = self;
        let namespace = self.namespace.as_deref();
        diagnose::report(lease, namespace, *started, site, settings, self.is_kept(failed));
    }

    /// Returns whether the namespace and the cluster are kept.
    fn is_kept(&self, failed: bool) -> bool {
        match self.settings.keep_of(&self.site) {
            Keep::Never => false,
            Keep::OnFailure => failed,
            Keep::Always => true,
        }
    }

    /// Deletes everything that is not kept. Errors do not change the outcome of the test.
    fn teardown(self, failed: bool) {
        let is_kept = self.is_kept(failed);
        if let (false, Some(kept)) = (is_kept, &self.kept) {
            self.lease.files.unkeep(kept);
        }
        if is_kept {
            let what = match &self.namespace {
                Some(namespace) => format!("namespace `{namespace}`"),
                None => format!("cluster `{}`", self.lease.name),
            };
            let command = diagnose::kubectl(&self.lease, self.namespace.as_deref());
            eprintln!("kipod: {what} is kept; to inspect it: {command}");
            return;
        }
        match self.site.exclusive {
            true => self.delete_cluster(),
            false => self.delete_namespace(),
        }
    }

    /// Deletes an exclusive cluster.
    fn delete_cluster(self) {
        let (source, files) = (self.lease.source, self.lease.files.clone());
        // Releases the lease. If a task of the test still has the context, the reaper deletes the
        // cluster when the process ends.
        if Arc::into_inner(self.lease).is_none() {
            return;
        }
        if let Err(error) = cleanup::after_exclusive(source, &files, self.reaper) {
            eprintln!("kipod: cleanup: {}", error_chain(&error));
        }
    }

    /// Deletes the namespace in a shared cluster.
    fn delete_namespace(&self) {
        let Some(namespace) = self.namespace.clone() else { return };
        let lease = self.lease.clone();
        let deleted =
            thread::run(async move { namespace::delete(&lease.client, &namespace).await });
        if let Ok(Err(error)) = deleted {
            eprintln!("kipod: cleanup: {}", error_chain(&error));
        }
    }
}
