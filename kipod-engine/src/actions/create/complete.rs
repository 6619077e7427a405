//! Completes a cluster: publishes registries, adds the kubeconfig entry, marks the record complete.

use std::path::Path;

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
    let mut merged = Ok(());
    if let Some(user) = request.kubeconfig.clone() {
        let kubeconfig = Kubeconfig::new(reservation.plan.access.clone());
        match blocking(move || user.prepare_merge(&kubeconfig)).await {
            Ok(prepared) => {
                // Before a file is changed: after a SIGKILL the record tells which files hold an entry.
                record.kubeconfig = prepared.changed_files().map(Path::to_owned).collect();
                record.write(state)?;
                merged = blocking(move || prepared.apply()).await.map(drop);
            }
            Err(error) => merged = Err(error),
        }
    }
    record.complete = true;
    record.write(state)?;
    merged.map_err(|source| CreateError::Kubeconfig { name: request.spec.name.clone(), source })
}
