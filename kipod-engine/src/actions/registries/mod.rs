//! Registries of the host, and the registry configuration of all clusters.
//!
//! A creation of a cluster lists registries after its nodes have started, and a creation of a registry
//! lists nodes after the registry exists. So of two concurrent creations at least one updates the nodes.
//! If both do, the older list may be written last; so the creation of a cluster compares again afterwards.

mod config_map;
mod nodes;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::actions::context::Context;
use crate::cluster::{self, Record};
use crate::events::{Event, Step, step};
use crate::host;
use crate::podman::{ContainerState, Podman};
use crate::registry::{
    self, DEFAULT_IMAGE, RegistriesLock, RegistryError, RegistryName, RegistryOptions,
    RegistrySummary, registries,
};
use crate::spec::ImageReference;
use crate::util::text::error_chain;
use crate::util::timeouts::Timeouts;
use nodes::update_all;

pub(super) use config_map::publish_new_registries;
pub(super) use nodes::update_nodes_if_changed;

/// Timeout for the update of one node or one cluster's ConfigMap, which usually takes 100 ms. All updates
/// run concurrently, and a hanging node must not block the creation of a registry.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(15);

/// A registry to be created.
#[derive(Debug, Clone)]
pub struct RegistryRequest {
    /// Its name.
    pub name: RegistryName,
    /// The host port; `None` selects a free one, or the port of an existing registry.
    pub port: Option<u16>,
    /// The image; `None` selects [`DEFAULT_IMAGE`], or the image of an existing registry.
    pub image: Option<ImageReference>,
    /// The parent cgroup, where Podman cannot determine it.
    pub cgroup_parent: Option<String>,
    /// The timeouts of this host.
    pub timeouts: Timeouts,
    /// The token that cancels the creation.
    pub cancel: CancellationToken,
}

/// Creates a registry and updates the nodes of all clusters. An existing registry of that name is started
/// if it is stopped, and the nodes are updated again.
///
/// # Errors
///
/// When an existing registry has another port or image, or a step fails. Nothing of a new registry is left
/// then. A node that cannot be updated is a warning.
pub async fn create_registry(
    context: Context<'_>,
    request: &RegistryRequest,
) -> Result<RegistrySummary, RegistryError> {
    let Context { podman, events, .. } = context;
    let cancelled = || RegistryError::Cancelled { name: request.name.clone() };
    // Before the lock: a pull may take minutes.
    let image = image_of(context, request);
    let image = tokio::select! {
        biased;
        () = request.cancel.cancelled() => return Err(cancelled()),
        image = image => image?,
    };
    let _lock = lock(context)?;
    let found = find(podman, &request.name).await?;
    let summary = match found {
        Some(found) => {
            let reuse = async {
                tokio::select! {
                    biased;
                    () = request.cancel.cancelled() => Err(cancelled()),
                    reused = reuse(podman, request, found) => reused,
                }
            };
            step(events, Step::Registry, reuse).await?
        }
        None => {
            let create = async {
                tokio::select! {
                    biased;
                    () = request.cancel.cancelled() => Err(cancelled()),
                    created = create(context, request, &image) => created,
                }
            };
            let created = step(events, Step::Registry, create).await;
            if created.is_err() {
                // Podman may still process the last request.
                cluster::settle().await;
                if let Err(error) = registry::remove(podman, &request.name).await {
                    events.send(Event::Warning(error_chain(&error)));
                }
            }
            created?
        }
    };
    // The registry is complete, and a cancellation comes too late.
    update_all(context).await;
    Ok(summary)
}

/// Deletes a registry with all its images, and updates the nodes of all clusters. Returns `false` if the
/// registry does not exist.
///
/// # Errors
///
/// When some of it cannot be removed. The rest is removed nevertheless.
pub async fn delete_registry(
    context: Context<'_>,
    name: &RegistryName,
) -> Result<bool, RegistryError> {
    let _lock = lock(context)?;
    let any = clear(context.podman, name).await?;
    if any {
        update_all(context).await;
    }
    Ok(any)
}

/// Returns the image of a new registry, pulled if necessary.
async fn image_of(
    context: Context<'_>,
    request: &RegistryRequest,
) -> Result<String, RegistryError> {
    let failed = |source| RegistryError::Podman { name: request.name.clone(), source };
    let image = request.image.as_ref().map_or(DEFAULT_IMAGE, ImageReference::as_str);
    let Context { podman, events, .. } = context;
    let exists = find(podman, &request.name).await?.is_some();
    if !exists && podman.image(image).await.map_err(failed)?.is_none() {
        let pull = async {
            events.send(Event::Progress(Step::PullImages, image.to_owned()));
            podman.pull_image(image).await.map_err(failed)
        };
        step(events, Step::PullImages, pull).await?;
    }
    Ok(image.to_owned())
}

/// Removes a registry, including one whose creation was interrupted.
async fn clear(podman: &dyn Podman, name: &RegistryName) -> Result<bool, RegistryError> {
    let left = registry::orphaned(podman).await;
    let left = left.map_err(|source| RegistryError::Podman { name: name.clone(), source })?;
    if left.contains(name) {
        cluster::settle().await;
    }
    registry::remove(podman, name).await
}

async fn create(
    context: Context<'_>,
    request: &RegistryRequest,
    image: &str,
) -> Result<RegistrySummary, RegistryError> {
    // Leftovers of a killed creation.
    clear(context.podman, &request.name).await?;
    let records = Record::all(&context.dirs.state)?;
    let records: Vec<Record> = records.into_iter().filter_map(|(_, record)| record).collect();
    let subnets = records.iter().flat_map(|record| {
        let networking = &record.spec.networking;
        [networking.pod_subnet.v4, networking.service_subnet.v4]
    });
    let options = RegistryOptions {
        name: &request.name,
        port: request.port,
        reserved_ports: records.iter().map(|record| record.api_port).collect(),
        image,
        cgroup_parent: request.cgroup_parent.clone(),
        used_subnets: subnets.collect(),
        host_networks: host::networks().into_iter().map(|network| network.subnet).collect(),
        timeout: request.timeouts.registry_start(),
    };
    registry::create(context.podman, &options).await
}

/// Starts an existing registry, if it has the requested port and image.
async fn reuse(
    podman: &dyn Podman,
    request: &RegistryRequest,
    found: RegistrySummary,
) -> Result<RegistrySummary, RegistryError> {
    let name = &request.name;
    let mut differences = Vec::new();
    if request.port.is_some_and(|port| port != found.port) {
        differences.push(format!("port {}", found.port));
    }
    if request.image.as_ref().is_some_and(|image| image.as_str() != found.image) {
        differences.push(format!("image `{}`", found.image));
    }
    if !differences.is_empty() {
        return Err(RegistryError::Exists { name: name.clone(), differences });
    }
    let started = podman.start_container(name.as_str()).await;
    started.map_err(|source| RegistryError::Podman { name: name.clone(), source })?;
    let limit = request.timeouts.registry_start();
    registry::wait_until_ready(podman, name, found.port, limit, true).await?;
    Ok(RegistrySummary { state: ContainerState::Running, ..found })
}

async fn find(
    podman: &dyn Podman,
    name: &RegistryName,
) -> Result<Option<RegistrySummary>, RegistryError> {
    let all = registries(podman)
        .await
        .map_err(|source| RegistryError::Podman { name: name.clone(), source })?;
    Ok(all.into_iter().find(|one| one.name == *name))
}

fn lock(context: Context<'_>) -> Result<RegistriesLock, RegistryError> {
    RegistriesLock::take(&context.dirs.state)?.ok_or(RegistryError::Busy)
}

fn no_response() -> String {
    format!("timed out after {}s", UPDATE_TIMEOUT.as_secs())
}
