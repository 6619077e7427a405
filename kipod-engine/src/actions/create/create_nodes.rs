//! Creation of the network, volumes and containers.

use super::preflight::Found;
use super::reserve::{Reservation, Reserver};
use super::{Context, CreateError, Request, podman_error};
use crate::actions::registries::update_nodes_if_changed;
use crate::actions::start_node::{empty_status_dir, start_node};
use crate::cluster::{self, RecordError, cluster_dir, kubeconfig_path, store};
use crate::events::{Event, Step, step};
use crate::kubeconfig::Kubeconfig;
use crate::kubernetes::Role;
use crate::pki::Credentials;
use crate::plan::{Plan, node_names};
use crate::registry;
use crate::util::text::error_chain;

/// Reserves resources and starts all nodes. Retries with other resources after a conflict.
pub(super) async fn run(
    cx: Context<'_>,
    request: &Request,
    found: &Found,
) -> Result<Reservation, CreateError> {
    let spec = &request.spec;
    let joining = node_names(spec).split_off(spec.count(Role::ControlPlane));
    let credentials = Credentials::mint(spec.name.as_str(), &joining, request.now)?;
    let local = registry::local_registries(cx.podman).await;
    let local = local.map_err(|source| podman_error(spec.name.as_str(), source))?;
    let mut reserver = Reserver::new(cx, request, found, credentials, local);
    let work = async {
        loop {
            request.check_cancelled()?;
            let reservation = reserver.reserve().await?;
            match start(cx, request, &reservation.plan).await {
                Ok(()) => return Ok::<_, CreateError>(reservation),
                Err(error) => {
                    let error = reserver.exclude(&reservation, error)?;
                    let detail = format!("retrying: {}", error_chain(&error));
                    cx.events.send(Event::Detail(detail));
                    remove(cx, request).await?;
                }
            }
        }
    };
    let reservation = step(cx.events, Step::CreateNodes, work).await?;
    update_nodes_if_changed(cx, &reservation.record, &reservation.registries.local).await;
    Ok(reservation)
}

/// Writes the files of the host that nodes mount, and starts all containers at once.
async fn start(cx: Context<'_>, request: &Request, plan: &Plan) -> Result<(), CreateError> {
    let podman = cx.podman;
    let name = &request.spec.name;
    // For the inspection of a failed cluster that is retained.
    let kubeconfig = Kubeconfig::new(plan.access.clone()).to_yaml();
    cluster::write_private(&kubeconfig_path(&cx.dirs.state, name), kubeconfig.as_bytes())?;
    let dir = cluster_dir(&cx.dirs.state, name);
    // CRI-O does not start without the store of the cluster's own images.
    store::create(&dir, request.machine.storage_driver)
        .map_err(|source| RecordError::Io { path: dir, source })?;
    let first = plan.nodes.first().map_or("", |node| node.name.as_str());
    let network = podman.create_network(&plan.network).await;
    network.map_err(|source| podman_error(first, source))?;
    request.check_cancelled()?;
    let started = plan.containers().map(|node| async {
        empty_status_dir(node)?;
        start_node(podman, node).await.map_err(|source| podman_error(&node.name, source))
    });
    // All run to completion: the rollback would not find a container that is still being created.
    futures_util::future::join_all(started).await.into_iter().collect()
}

async fn remove(cx: Context<'_>, request: &Request) -> Result<(), CreateError> {
    let name = &request.spec.name;
    let removed = cluster::remove_locked(cx.podman, cx.dirs, name).await;
    removed
        .map(drop)
        .map_err(|source| CreateError::CleanUp { name: name.clone(), source: Box::new(source) })
}
