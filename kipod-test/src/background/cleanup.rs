//! Deletion of clusters and namespaces that are no longer in use. Ownership is decided by locks,
//! never by age or name.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use kipod_engine::lease::{ClusterFiles, LeaseError, Lock, Phase};
use tokio::runtime::{Builder, Runtime};

use crate::client;
use crate::cluster_request::ExistingCluster;
use crate::error::BoxError;
use crate::namespace::{self, NamespaceError};
use crate::source::{BoxFuture, ClusterSource, SourceError};
use crate::test_run::TestRun;

/// Backoff between attempts to delete a cluster, in seconds.
const BACKOFF: [u64; 4] = [1, 5, 20, 60];

/// A cleanup that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CleanupError {
    /// A lock or state file cannot be used.
    #[error(transparent)]
    Files(#[from] LeaseError),
    /// The state directory is unknown.
    #[error("failed to find the state directory")]
    StateDir(#[source] SourceError),
    /// The cluster cannot be deleted.
    #[error("failed to delete cluster `{name}`")]
    Delete { name: String, source: SourceError },
    /// The cluster cannot be opened.
    #[error("failed to open cluster `{name}`")]
    Open { name: String, source: SourceError },
    /// No client can be created for the cluster.
    #[error("failed to connect to cluster `{name}`")]
    Connect { name: String, source: BoxError },
    /// A namespace cannot be deleted.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The tokio runtime cannot be created.
    #[error("failed to create a tokio runtime")]
    Runtime(#[source] std::io::Error),
}

/// Cleans up after a run: deletes the cluster when it is free, or the run's namespaces in it.
/// `reaper` is the lock of the run's reaper.
pub(super) fn after_run(
    source: &'static dyn ClusterSource,
    files: &ClusterFiles,
    run: &str,
    reaper: Lock,
) -> Result<(), CleanupError> {
    clean_up(source, files, run, Some(reaper))
}

/// Deletes the cluster of an exclusive test, and stops its reaper.
pub(crate) fn after_exclusive(
    source: &'static dyn ClusterSource,
    files: &ClusterFiles,
    reaper: Option<Child>,
) -> Result<(), CleanupError> {
    let run = TestRun::of_this_process().id;
    // The reaper remains until the cluster is deleted. It does not count as a user of it.
    clean_up(source, files, &run, None)?;
    if let Some(mut reaper) = reaper {
        let _ = reaper.kill();
        let _ = reaper.wait();
    }
    if let Some(lock) = Lock::try_exclusive(&files.reaper(&run))? {
        lock.remove();
    }
    // For example the cluster that an earlier run of the test kept.
    orphans(source, &source.state_dir().map_err(CleanupError::StateDir)?)
}

/// Waits until the cluster is free. Then deletes it if tests created it and nothing in it is kept;
/// otherwise deletes the namespaces of the run. If another run may still use the cluster, its reaper
/// deletes it.
fn clean_up(
    source: &'static dyn ClusterSource,
    files: &ClusterFiles,
    run: &str,
    reaper: Option<Lock>,
) -> Result<(), CleanupError> {
    let own = files.reaper(run);
    loop {
        // Without the gate, so that other tests can take a lease in the meantime.
        drop(Lock::exclusive(&files.lease(), || {})?);
        let gate = Lock::exclusive(&files.gate(), || {})?;
        let Some(lease) = Lock::try_exclusive(&files.lease())? else { continue };
        let run = reaper.as_ref().map(|_| run);
        let is_other = |path: &PathBuf| own != *path && Lock::is_locked_exclusively(path);
        let done = match files.reapers().iter().any(is_other) {
            true => runtime()?.block_on(async {
                delete_namespaces(source.open(files.name()).await, files, run).await
            }),
            false => delete_if_unused(source, files, run, &gate),
        };
        // While the gate is held, so that exactly one of two reapers is the last.
        if let Some(reaper) = reaper {
            reaper.remove();
        }
        done?;
        remove_unneeded_files(files, gate, lease)?;
        return Ok(());
    }
}

/// Deletes orphaned clusters: tests created them, no lock on them is held, and nothing in them is
/// kept.
pub(super) fn orphans(
    source: &'static dyn ClusterSource,
    state_dir: &Path,
) -> Result<(), CleanupError> {
    let mut result = Ok(());
    if source.external_cluster().is_some() {
        // The source cannot delete the clusters of the engine.
        return result;
    }
    for files in ClusterFiles::all(state_dir) {
        // Checked first, because locking creates files.
        if !files.state().exists() {
            continue;
        }
        let Some(gate) = Lock::try_exclusive(&files.gate())? else { continue };
        let Some(lease) = Lock::try_exclusive(&files.lease())? else { continue };
        let has_reaper = files.reapers().iter().any(|path| Lock::is_locked_exclusively(path));
        if files.phase()?.is_none() || has_reaper {
            continue;
        }
        result = result.and(delete_if_unused(source, &files, None, &gate));
        remove_unneeded_files(&files, gate, lease)?;
    }
    result
}

/// Removes the files of a cluster that tests did not create, or that has been deleted.
fn remove_unneeded_files(files: &ClusterFiles, gate: Lock, lease: Lock) -> Result<(), LeaseError> {
    if files.phase()?.is_none() && files.all_kept().is_empty() {
        files.remove(gate, lease)?;
    }
    Ok(())
}

/// Deletes what is not kept of a free cluster. The caller holds the gate and the lease exclusively.
fn delete_if_unused(
    source: &'static dyn ClusterSource,
    files: &ClusterFiles,
    run: Option<&str>,
    gate: &Lock,
) -> Result<(), CleanupError> {
    gate.note(&format!("process {} is deleting it", std::process::id()));
    runtime()?.block_on(delete(source, files, run))
}

fn runtime() -> Result<Runtime, CleanupError> {
    Builder::new_current_thread().enable_all().build().map_err(CleanupError::Runtime)
}

async fn delete(
    source: &'static dyn ClusterSource,
    files: &ClusterFiles,
    run: Option<&str>,
) -> Result<(), CleanupError> {
    let name = files.name();
    let open = source.open(name).await;
    // Nothing is kept if the user has deleted the cluster.
    let kept = if matches!(open, Ok(None)) { Vec::new() } else { files.all_kept() };
    let phase = files.phase()?;
    let ours = match (&phase, &open) {
        (None, _) => false,
        (Some(phase), Ok(Some(access))) => phase.is_of(&access.identity),
        // Interrupted or broken: the remains are deleted.
        (Some(_), _) => true,
    };
    if let Some(phase) = phase.filter(|_| ours && kept.is_empty()) {
        let phase = match phase {
            Phase::Ready(identity) => Phase::Deleting(identity),
            other => other,
        };
        files.set_phase(Some(&phase))?;
        // By identity and not only by name: the user may recreate the cluster between two attempts.
        retry(|| source.delete(name, &phase))
            .await
            .map_err(|source| CleanupError::Delete { name: name.to_owned(), source })?;
        files.forget_content();
        return Ok(files.set_phase(None)?);
    }
    if !ours && matches!(open, Ok(Some(_))) {
        // The user has recreated the cluster.
        files.set_phase(None)?;
    }
    delete_namespaces(open, files, run).await
}

/// Deletes the namespaces of a run that are not kept. `open` is the opened cluster.
async fn delete_namespaces(
    open: Result<Option<ExistingCluster>, SourceError>,
    files: &ClusterFiles,
    run: Option<&str>,
) -> Result<(), CleanupError> {
    let name = files.name();
    let open = open.map_err(|source| CleanupError::Open { name: name.to_owned(), source })?;
    let (Some(access), Some(run)) = (open, run) else { return Ok(()) };
    let failed = |source| CleanupError::Connect { name: name.to_owned(), source };
    let config = client::config(&access).await.map_err(failed)?;
    let client = client::connect_with_timeout(&config).map_err(|error| failed(error.into()))?;
    let kept = files.all_kept();
    let kept: Vec<&str> = kept.iter().map(|kept| kept.namespace.as_str()).collect();
    Ok(namespace::delete_all_of_run(&client, run, &kept).await?)
}

/// Retries a deletion: Podman may be busy, or the disk full.
async fn retry<'a>(delete: impl Fn() -> BoxFuture<'a, ()>) -> Result<(), SourceError> {
    for seconds in BACKOFF {
        if delete().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    delete().await
}
