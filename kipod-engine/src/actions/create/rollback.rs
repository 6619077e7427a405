//! Removal of the leftovers of a failed or killed creation.

use super::{Context, CreateError, Request};
use crate::cluster::{self, Record, RemoveError, cluster_dir, kubeconfig_path};
use crate::events::{Event, Step, step};
use crate::spec::ClusterName;
use crate::util::retry::retry;
use crate::util::text::error_chain;

/// Fails if the name is in use. Removes the leftovers of a killed creation of that name.
pub(super) async fn remove_leftovers(
    cx: Context<'_>,
    request: &Request,
) -> Result<(), CreateError> {
    let Context { podman, dirs, events } = cx;
    let name = &request.spec.name;
    let record = Record::read(&dirs.state, name)?;
    if record.as_ref().is_some_and(|record| record.complete) {
        return Err(CreateError::Exists { name: name.clone() });
    }
    let failed = |source| CreateError::CleanUp { name: name.clone(), source: Box::new(source) };
    let left = cluster::find(podman, name).await.map_err(failed)?;
    if record.is_none() {
        if let Some(what) = left.first() {
            return Err(CreateError::Unrecorded { name: name.clone(), what });
        }
        // A partly written image store must not become part of the new cluster.
        let files = std::fs::read_dir(cluster_dir(&dirs.state, name));
        if files.into_iter().flatten().next().is_none() {
            return Ok(());
        }
    }
    let remove = async {
        cluster::settle().await;
        cluster::remove_locked(podman, dirs, name).await.map_err(failed)
    };
    step(events, Step::CleanUp, remove).await.map(|_| ())
}

/// Removes the resources of a failed creation, unless failed clusters are retained.
pub(super) async fn after(cx: Context<'_>, request: &Request, error: &CreateError) {
    let Context { dirs, events, .. } = cx;
    let name = &request.spec.name;
    let is_retained = match error {
        // The cluster is complete, and `kipod export kubeconfig` adds the entry later.
        CreateError::Kubeconfig { .. } => true,
        CreateError::Cancelled { .. } => false,
        _ => request.spec.retain,
    };
    if is_retained {
        if !matches!(error, CreateError::Kubeconfig { .. }) {
            cluster::retain(&dirs.state, name);
        }
        events.send(Event::Note(format!(
            "cluster `{name}` is kept: `kipod export logs --name {name}`, `kipod exec --name {name} COMMAND`, KUBECONFIG={}; `kipod delete cluster {name}` removes it",
            kubeconfig_path(&dirs.state, name).display(),
        )));
    } else if let Err(error) = remove(cx, name).await {
        // The error of the creation is returned; that of the rollback is a warning.
        events.send(Event::Warning(error_chain(&error)));
    }
}

/// Removes a cluster. Retries once: the cause of the failed creation, such as an exited Podman service,
/// may also fail the first attempt.
async fn remove(cx: Context<'_>, name: &ClusterName) -> Result<bool, RemoveError> {
    let Context { podman, dirs, .. } = cx;
    let remove = async || cluster::remove_locked(podman, dirs, name).await;
    retry(2, cluster::SETTLE_TIME, |_| true, remove).await
}
