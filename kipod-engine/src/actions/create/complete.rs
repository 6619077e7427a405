//! Completes a cluster: publishes registries, adds the kubeconfig entry, marks the record complete.

use super::reserve::Reservation;
use super::{Context, CreateError, Request};
use crate::actions::registries::publish_new_registries;
use crate::cluster::ClusterEntry;
use crate::events::{Step, step};
use crate::kubeconfig::Kubeconfig;
use crate::util::blocking;

/// Adds the cluster to the user's kubeconfig, and marks its record complete. Registries are published
/// before and after: those created in between would be missing otherwise.
pub(super) async fn run(
    cx: Context<'_>,
    request: &Request,
    mut reservation: Reservation,
    client: &kube::Client,
) -> Result<ClusterEntry, CreateError> {
    let name = &request.spec.name;
    let published = publish_new_registries(cx, client, name, Vec::new()).await;
    // From here on the cluster is complete, and a cancellation comes too late.
    request.check_cancelled()?;
    let written = step(cx.events, Step::Kubeconfig, write(cx, request, &mut reservation)).await;
    publish_new_registries(cx, client, name, published).await;
    written?;
    Ok(ClusterEntry::new(reservation.record, cx.dirs))
}

async fn write(
    cx: Context<'_>,
    request: &Request,
    reservation: &mut Reservation,
) -> Result<(), CreateError> {
    let state = &cx.dirs.state;
    let record = &mut reservation.record;
    let kubeconfig = Kubeconfig::new(reservation.plan.access.clone());
    let mut merged = Ok(());
    if let Some(user) = &request.kubeconfig {
        // Before a file is changed: after a SIGKILL the record tells which files hold an entry.
        record.kubeconfig = user.files().to_vec();
        record.write(state)?;
        let user = user.clone();
        merged = blocking(move || user.merge(&kubeconfig)).await.map(drop);
    }
    record.complete = true;
    record.write(state)?;
    merged.map_err(|source| CreateError::Kubeconfig { name: request.spec.name.clone(), source })
}
