//! Creating a cluster.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kipod_engine::lease::{ClusterFiles, LeaseError, Lock, Phase};

use super::connection::Connection;
use crate::cluster_request::ClusterRequest;
use crate::session::error::SetupError;

use crate::source::{ClusterSource, Progress, ProgressEvent};

/// Creates the cluster. The caller holds the gate exclusively, and no process holds the lease.
pub(super) async fn create(
    source: &dyn ClusterSource,
    files: &ClusterFiles,
    gate: &Lock,
    request: &ClusterRequest,
    progress: Progress<'_>,
) -> Result<Connection, SetupError> {
    let name = &request.name;
    let failed = |source| SetupError::Acquire { name: name.clone(), source };
    let started = Instant::now();
    let note = |step: &str| {
        gate.note(&format!("process {} is creating it ({step})", std::process::id()));
    };
    if let Some(phase) = files.phase()? {
        note("deleting the old one");
        source.delete(name, &phase).await.map_err(failed)?;
        files.forget_content();
    }
    progress(ProgressEvent::Message(&format!("creating cluster `{name}`")));
    note("checking the host");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let since = i64::try_from(since).unwrap_or_default();
    files.set_phase(Some(&Phase::Creating(since)))?;
    let forward = |event: ProgressEvent<'_>| match event {
        ProgressEvent::Step(step) => note(step),
        message => progress(message),
    };
    let access = match source.create(request, since, &forward).await {
        Ok(access) => access,
        Err(error) => {
            roll_back(source, files, since).await?;
            return Err(failed(error));
        }
    };
    files.set_phase(Some(&Phase::Ready(access.identity.clone())))?;
    let text = format!("created cluster `{name}` in {:.1}s", started.elapsed().as_secs_f64());
    progress(ProgressEvent::Message(&text));
    Connection::new(access, name).await
}

/// Deletes the remains of a failed creation. They stay on record until that succeeds. A complete
/// cluster was created by another process in the meantime, and is kept.
async fn roll_back(
    source: &dyn ClusterSource,
    files: &ClusterFiles,
    since: i64,
) -> Result<(), LeaseError> {
    let name = files.name();
    let done = match source.open(name).await {
        Ok(Some(_)) => true,
        _ => source.delete(name, &Phase::Creating(since)).await.is_ok(),
    };
    if done {
        files.set_phase(None)?;
    }
    Ok(())
}
