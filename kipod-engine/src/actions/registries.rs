//! Registries of the host, and the registry configuration of all clusters.
//!
//! A creation of a cluster lists registries after its nodes have started, and a creation of a registry
//! lists nodes after the registry exists. So of two concurrent creations at least one updates the nodes.
//! If both do, the older list may be written last; so the creation of a cluster compares again afterwards.

use std::time::Duration;

use crate::actions::apply::apply;
use crate::actions::context::Context;
use crate::actions::start_node::archive;
use crate::cluster::{self, ClusterEntry, NodeSummary, Record};
use crate::events::{Event, Step, step};
use crate::host;
use crate::kubeconfig::client;
use crate::node::addons;
use crate::node::registries_file;
use crate::plan::LOAD_BALANCER;
use crate::podman::{ContainerState, Podman, PodmanError};
use crate::registry::{
    self, DEFAULT_IMAGE, RegistriesLock, RegistryError, RegistryName, RegistryOptions,
    RegistrySummary, registries,
};
use crate::spec::{ClusterName, ImageReference, LocalRegistry};
use crate::util::text::error_chain;
use crate::util::timeouts::Timeouts;
use tokio_util::sync::CancellationToken;

/// Timeout for the update of one node or one cluster's ConfigMap, which usually takes 100 ms. All updates
/// run concurrently, and a hanging node must not block the creation of a registry.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(15);
/// Reloads CRI-O's registry configuration. A starting CRI-O does not handle the signal, and reads the
/// configuration anyway.
const RELOAD: &str = "if systemctl --quiet is-active crio; then systemctl kill --signal=HUP --kill-whom=main crio; fi";

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
    if request.port.is_some_and(|port| port != found.registry.port) {
        differences.push(format!("port {}", found.registry.port));
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
    registry::wait_until_ready(podman, name, found.registry.port, limit, true).await?;
    Ok(RegistrySummary { state: ContainerState::Running, ..found })
}

async fn find(
    podman: &dyn Podman,
    name: &RegistryName,
) -> Result<Option<RegistrySummary>, RegistryError> {
    let all = registries(podman)
        .await
        .map_err(|source| RegistryError::Podman { name: name.clone(), source })?;
    Ok(all.into_iter().find(|one| one.registry.name == name.as_str()))
}

fn lock(context: Context<'_>) -> Result<RegistriesLock, RegistryError> {
    RegistriesLock::take(&context.dirs.state)?.ok_or(RegistryError::Busy)
}

/// Updates the registry configuration of all clusters.
async fn update_all(context: Context<'_>) {
    let Context { podman, dirs, events } = context;
    let query = async {
        let local =
            registry::local_registries(podman).await.map_err(|error| error_chain(&error))?;
        let nodes = cluster::nodes(podman, dirs, None).await;
        let nodes = nodes.map_err(|error| error_chain(&error))?;
        let records = Record::all(&dirs.state).map_err(|error| error_chain(&error))?;
        Ok::<_, String>((local, nodes, records))
    };
    let (local, nodes, records) = match query.await {
        Ok(found) => found,
        Err(error) => {
            let warning =
                format!("failed to update the registry configuration of clusters: {error}");
            return events.send(Event::Warning(warning));
        }
    };
    let updates = records.into_iter().map(|(name, record)| {
        let nodes = nodes.iter().filter(|node| node.cluster == name.as_str()).collect();
        update_cluster(context, name, record, nodes, &local)
    });
    futures_util::future::join_all(updates).await;
}

fn update_failed(name: &ClusterName, error: &dyn std::error::Error) -> Event {
    let error = error_chain(error);
    Event::Warning(format!(
        "failed to update the registry configuration of cluster `{name}`: {error}"
    ))
}

async fn update_cluster(
    context: Context<'_>,
    name: ClusterName,
    record: Option<Record>,
    nodes: Vec<&NodeSummary>,
    local: &[LocalRegistry],
) {
    let Some(record) = record else {
        // A cluster without a record is being created or deleted.
        if let Err(error) = Record::read(&context.dirs.state, &name) {
            context.events.send(update_failed(&name, &error));
        }
        return;
    };
    update_nodes(context, &record, &nodes, local).await;
    let control_plane = record.control_plane();
    let is_running = nodes.iter().any(|node| node.name == control_plane && node.state.is_running());
    if record.complete && is_running {
        publish(context, &name, local).await;
    }
}

/// Updates the nodes of a cluster that was just created or grew, if the registries differ from the
/// `planned` ones. Repeats while they change, since [`update_all`] may have written a newer list first.
pub(super) async fn update_nodes_if_changed(
    context: Context<'_>,
    record: &Record,
    planned: &[LocalRegistry],
) {
    let mut configured = planned.to_vec();
    loop {
        let query = async {
            let local = registry::local_registries(context.podman).await?;
            if local == configured {
                return Ok(None);
            }
            let nodes = cluster::nodes(context.podman, context.dirs, Some(&record.name)).await?;
            Ok::<_, PodmanError>(Some((local, nodes)))
        };
        let (local, nodes) = match query.await {
            Ok(Some(found)) => found,
            Ok(None) => return,
            // The cluster works without registries.
            Err(error) => return context.events.send(update_failed(&record.name, &error)),
        };
        update_nodes(context, record, &nodes.iter().collect::<Vec<_>>(), &local).await;
        configured = local;
    }
}

/// Writes the registry configuration of nodes. Stopped nodes read it at their start. Nodes that are being
/// created are skipped: their creation updates them.
async fn update_nodes(
    context: Context<'_>,
    record: &Record,
    nodes: &[&NodeSummary],
    local: &[LocalRegistry],
) {
    let Context { podman, events, .. } = context;
    let file = [registries_file(&record.spec.registries, local)];
    let existing = nodes.iter().filter(|node| {
        node.role != LOAD_BALANCER
            && !matches!(node.state, ContainerState::Created | ContainerState::Initialized)
    });
    let updates = existing.map(|node| async {
        let name = node.name.as_str();
        let done = async {
            podman.upload(name, "/var", archive(&file)).await?;
            match node.state.is_running() {
                true => podman.exec(name, &["sh", "-c", RELOAD]).await.map(Some),
                false => Ok(None),
            }
        };
        let error = match tokio::time::timeout(UPDATE_TIMEOUT, done).await {
            Ok(Ok(Some(output))) if output.status != 0 => {
                String::from_utf8_lossy(&output.stderr).trim().to_owned()
            }
            Ok(Ok(None)) if node.state == ContainerState::Paused => "it is paused".to_owned(),
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error_chain(&error),
            Err(_) => no_response(),
        };
        events.send(Event::Warning(format!(
            "node `{name}` uses the new registry configuration only after a restart: {error}"
        )));
    });
    futures_util::future::join_all(updates).await;
}

fn no_response() -> String {
    format!("timed out after {}s", UPDATE_TIMEOUT.as_secs())
}

/// Publishes the registries in the ConfigMap of an existing cluster.
async fn publish(context: Context<'_>, name: &ClusterName, local: &[LocalRegistry]) {
    let publish = async {
        let cluster =
            ClusterEntry::open(context.dirs, name).map_err(|error| error_chain(&error))?;
        let kubeconfig = cluster.kubeconfig().map_err(|error| error_chain(&error))?;
        let client = client::connect(&kubeconfig).await.map_err(|error| error_chain(&error))?;
        write_config_map(&client, local).await.map_err(|error| error_chain(&error))
    };
    let published = tokio::time::timeout(UPDATE_TIMEOUT, publish).await;
    if let Err(error) = published.unwrap_or_else(|_| Err(no_response())) {
        context.events.send(publish_failed(name, &error));
    }
}

/// Publishes the registries in a new cluster, if they differ from the `published` ones. Repeats while they
/// change, and returns the published ones. Must be called again when the cluster is complete: from then on
/// the creation and deletion of registries publish them too.
pub(super) async fn publish_new_registries(
    context: Context<'_>,
    client: &kube::Client,
    name: &ClusterName,
    mut published: Vec<LocalRegistry>,
) -> Vec<LocalRegistry> {
    loop {
        let error = match registry::local_registries(context.podman).await {
            Ok(local) if local == published => return published,
            Ok(local) => {
                let written = write_config_map(client, &local).await;
                published = local;
                written.err().map(|error| error_chain(&error))
            }
            Err(error) => Some(error_chain(&error)),
        };
        if let Some(error) = error {
            // Pods do not need the ConfigMap to pull images.
            context.events.send(publish_failed(name, &error));
            return published;
        }
    }
}

fn publish_failed(name: &ClusterName, error: &str) -> Event {
    let map = addons::REGISTRY_HOSTING;
    Event::Warning(format!("failed to update ConfigMap `{map}` of cluster `{name}`: {error}"))
}

/// Writes the ConfigMap `local-registry-hosting`. A ConfigMap of the user is not changed.
async fn write_config_map(
    client: &kube::Client,
    local: &[LocalRegistry],
) -> Result<(), kube::Error> {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    let maps = kube::Api::<ConfigMap>::namespaced(client.clone(), "kube-public");
    let found = maps.get_opt(addons::REGISTRY_HOSTING).await?;
    let is_ours = |map: &ConfigMap| {
        map.labels().get(addons::MANAGED_BY).is_some_and(|manager| manager == "kipod")
    };
    match (local.first(), &found) {
        (_, Some(map)) if !is_ours(map) => Ok(()),
        (Some(registry), _) => apply(client, &[addons::registry_hosting(&registry.host())]).await,
        (None, Some(_)) => {
            maps.delete(addons::REGISTRY_HOSTING, &Default::default()).await.map(drop)
        }
        (None, None) => Ok(()),
    }
}
