//! Acquiring a lease on a cluster: an existing one, or a new one that exactly one process creates.

mod connection;
mod create;
mod locks;
mod lookup;

use std::collections::HashMap;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kipod_engine::lease::{ClusterFiles, LeaseError, Lock};
use tokio::sync::OnceCell;

use connection::Connection;
use create::create;
use locks::{Gate, lock_shared};
use lookup::{Found, look_up};

use super::error::{NotRecreated, Problem, SetupError};
use crate::background::reaper::{Job, Reaper};
use crate::cluster_request::ClusterRequest;
use crate::engine_api::error_chain;
use crate::lease::ClusterLease;
use crate::output::notice;
use crate::settings::scaled;
use crate::site::TestSite;

use crate::source::{ClusterSource, ProgressEvent};
use crate::test_run::TestRun;

/// Timeout for an existing cluster to become ready. After a restart of its node, the API server needs
/// 8 s on two cores.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Timeout of the first look, during which other processes cannot lock the cluster exclusively.
const FIRST_LOOK_TIMEOUT: Duration = Duration::from_millis(500);

type Cell = Arc<OnceCell<Arc<ClusterLease>>>;

/// Shared leases of this process by cluster name. They are held until the process ends.
static LEASES: Mutex<Option<HashMap<String, Cell>>> = Mutex::new(None);

/// Acquires a shared lease, once per process and cluster.
pub(super) async fn shared(
    source: &'static dyn ClusterSource,
    site: TestSite,
    request: ClusterRequest,
) -> Result<Arc<ClusterLease>, SetupError> {
    let cell = {
        let mut leases = LEASES.lock().unwrap_or_else(PoisonError::into_inner);
        leases.get_or_insert_default().entry(request.name.clone()).or_default().clone()
    };
    let acquire_once = async || {
        acquire(source, site, &request, TestRun::current()).await.map(|(lease, _)| Arc::new(lease))
    };
    let lease = cell.get_or_try_init(acquire_once).await?;
    // The lease was acquired for the first request of this process.
    if let Some(mismatch) = request.mismatch(&lease.access) {
        let source = Problem::from(mismatch);
        return Err(SetupError::Unusable { name: request.name, kept: NotRecreated::InUse, source });
    }
    Ok(lease.clone())
}

/// Acquires a lease on a cluster for one test. Returns the reaper process, which waits for this
/// process to exit.
pub(super) async fn exclusive(
    source: &'static dyn ClusterSource,
    site: TestSite,
    request: ClusterRequest,
) -> Result<(Arc<ClusterLease>, Option<Child>), SetupError> {
    let run = TestRun::of_this_process();
    let (lease, reaper) = acquire(source, site, &request, run).await?;
    Ok((Arc::new(lease), reaper))
}

async fn acquire(
    source: &'static dyn ClusterSource,
    site: TestSite,
    request: &ClusterRequest,
    run: TestRun,
) -> Result<(ClusterLease, Option<Child>), SetupError> {
    let name = request.name.clone();
    let state_dir =
        source.state_dir().map_err(|source| SetupError::Acquire { name: name.clone(), source })?;
    let files = ClusterFiles::new(&state_dir, &name);
    let job = Job { run: run.clone(), state_dir, cluster: name.clone() };
    let mut reaper = Reaper::new(job, site);
    let (connection, lock) = connect(source, &files, &mut reaper, request).await?;
    record_use(&files, &run, &connection)?;
    let Connection { access, config, client } = connection;
    let lease =
        ClusterLease { source, name, access, config, client, files, run, site, _lock: lock };
    Ok((lease, reaper.process))
}

/// Connects to the cluster, creates it if necessary, and takes the lease lock. Starts the run's
/// reaper unless it has one.
async fn connect(
    source: &dyn ClusterSource,
    files: &ClusterFiles,
    reaper: &mut Reaper,
    request: &ClusterRequest,
) -> Result<(Connection, Lock), SetupError> {
    let progress = |event: ProgressEvent<'_>| {
        if let ProgressEvent::Message(text) = event {
            notice(text);
        }
    };
    // First the reaper, so that no cluster is ever without one, and so that the reaper of an earlier
    // run leaves the cluster to this run.
    reaper.ensure_started().await?;
    let mut gate = Gate::new(files);
    let lock = gate.lock_shared().await?;
    // The reaper has ended if the owner of the run has. While the gate is locked, none ends.
    reaper.ensure_started().await?;
    let lease = lock_shared(&files.lease())?;
    let found = look_up(source, files, request, &|_| {}, FIRST_LOOK_TIMEOUT).await?;
    if let Found::Usable(connection) = found {
        return Ok((*connection, lease));
    }
    // Released and locked again: two processes that upgrade their locks would deadlock.
    drop(lease);
    drop(lock);
    let lock = gate.lock_exclusive().await?;
    reaper.ensure_started().await?;
    let found = look_up(source, files, request, &progress, scaled(READY_TIMEOUT)).await?;
    let connection = match found {
        Found::Usable(connection) => *connection,
        Found::Missing => create(source, files, &lock, request, &progress).await?,
        Found::Unusable(unusable) => {
            let problem = unusable.check_recreate(files, reaper.run(), &request.name).await?;
            progress(ProgressEvent::Message(&recreate_message(files, &problem)));
            create(source, files, &lock, request, &progress).await?
        }
    };
    let lease = lock_shared(&files.lease())?;
    // The note must not outlive the work that it describes.
    lock.note("");
    Ok((connection, lease))
}

fn recreate_message(files: &ClusterFiles, problem: &Problem) -> String {
    let kept = match files.all_kept().len() {
        0 => String::new(),
        1 => "; 1 kept namespace is deleted with it".to_owned(),
        n => format!("; {n} kept namespaces are deleted with it"),
    };
    format!("recreating unused cluster `{}`: {}{kept}", files.name(), error_chain(problem))
}

/// Records in the lock file of the run's reaper that the run uses this cluster, as opposed to another
/// one with the same name.
fn record_use(
    files: &ClusterFiles,
    run: &TestRun,
    connection: &Connection,
) -> Result<(), LeaseError> {
    let path = files.reaper(&run.id);
    let identity = &connection.access.identity;
    if std::fs::read_to_string(&path).is_ok_and(|text| text == *identity) {
        return Ok(());
    }
    std::fs::write(&path, identity).map_err(|source| LeaseError { path, source })
}
