//! A registry of this machine more, or less, and what every cluster's nodes know of them.
//!
//! Who creates a cluster asks for registries after its nodes have started, and who creates a registry
//! asks for nodes after the registry is there: so of two at once at least one tells the nodes. Where both
//! do, the older list may come last: so who creates a cluster looks again afterwards.

use std::time::Duration;

use crate::actions::create::host_networks;
use crate::actions::create::install_addons;
use crate::actions::create::{Context, archive};
use crate::cluster::{self, Cluster, NodeSummary, Record};
use crate::events::{Event, Step, step};
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
use crate::util::time_factor::TimeFactor;
use tokio_util::sync::CancellationToken;

/// How long a registry may take to answer: it takes a quarter of a second.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long a node, or a cluster's API, is told for: it takes a tenth of a second, and all are told at
/// once. One that hangs must keep nobody from registries.
const TELL_LIMIT: Duration = Duration::from_secs(15);
/// CRI-O reads its list of registries again when it is told to; one that is just starting reads it
/// anyway, and does not know the signal yet.
const RELOAD: &str = "if systemctl --quiet is-active crio; then systemctl kill --signal=HUP --kill-whom=main crio; fi";

/// A registry to be created.
#[derive(Debug, Clone)]
pub struct RegistryRequest {
    /// Its name.
    pub name: RegistryName,
    /// The host's port; `None` is any free one, or that of the registry that is there.
    pub port: Option<u16>,
    /// The image it is made of; `None` is [`DEFAULT_IMAGE`], or that of the registry that is there.
    pub image: Option<ImageReference>,
    /// Below which cgroup it is made, where Podman cannot know.
    pub cgroup_parent: Option<String>,
    /// How much slower than usual the machine is.
    pub time_factor: TimeFactor,
    /// How to ask for an early end.
    pub cancel: CancellationToken,
}

/// Creates a registry and tells the nodes of every cluster. One of that name that is there already is
/// started if it does not run, and the nodes are told again.
///
/// # Errors
///
/// When there is one of that name that is not what was asked for, or any step fails; then nothing of a
/// new one is left. A node that cannot be told is a warning.
pub async fn create_registry(
    context: Context<'_>,
    request: &RegistryRequest,
) -> Result<RegistrySummary, RegistryError> {
    let Context { podman, events, .. } = context;
    let cancelled = || RegistryError::Cancelled { name: request.name.clone() };
    // Before the lock: it may take minutes.
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
            let make = async {
                tokio::select! {
                    biased;
                    () = request.cancel.cancelled() => Err(cancelled()),
                    made = make(context, request, &image) => made,
                }
            };
            let made = step(events, Step::Registry, make).await;
            if made.is_err() {
                // Podman may still be at what it was asked for last.
                cluster::settle().await;
                if let Err(fault) = registry::remove(podman, &request.name).await {
                    events.send(Event::Warning(format!("clean-up: {fault}")));
                }
            }
            made?
        }
    };
    // The registry is there, and an interruption comes too late.
    tell_all(context).await;
    Ok(summary)
}

/// Deletes a registry with all that was pushed to it, and tells the nodes of every cluster. Answers
/// whether there was one.
///
/// # Errors
///
/// When some of it cannot be removed; the rest is gone all the same.
pub async fn delete_registry(
    context: Context<'_>,
    name: &RegistryName,
) -> Result<bool, RegistryError> {
    let _lock = lock(context)?;
    let any = clear(context.podman, name).await?;
    if any {
        tell_all(context).await;
    }
    Ok(any)
}

/// The image that a new registry would be made of, pulled if need be.
async fn image_of(
    context: Context<'_>,
    request: &RegistryRequest,
) -> Result<String, RegistryError> {
    let failed = |source| RegistryError::Podman { name: request.name.clone(), source };
    let image = request.image.as_ref().map_or(DEFAULT_IMAGE, ImageReference::as_str);
    let Context { podman, events, .. } = context;
    let is_there = find(podman, &request.name).await?.is_some();
    if !is_there && podman.image(image).await.map_err(failed)?.is_none() {
        let pull = async {
            events.send(Event::Progress(Step::PullImages, image.to_owned()));
            podman.pull_image(image).await.map_err(failed)
        };
        step(events, Step::PullImages, pull).await?;
    }
    Ok(image.to_owned())
}

/// Removes what there is of a registry, also one whose creation was cut off.
async fn clear(podman: &dyn Podman, name: &RegistryName) -> Result<bool, RegistryError> {
    let left = registry::orphaned(podman).await;
    let left = left.map_err(|source| RegistryError::Podman { name: name.clone(), source })?;
    if left.contains(name) {
        cluster::settle().await;
    }
    registry::remove(podman, name).await
}

async fn make(
    context: Context<'_>,
    request: &RegistryRequest,
    image: &str,
) -> Result<RegistrySummary, RegistryError> {
    // What a killed kipod left of one.
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
        host_networks: host_networks::subnets(&host_networks::read()).collect(),
        timeout: request.time_factor.of(ANSWER_LIMIT),
    };
    registry::create(context.podman, &options).await
}

/// Starts the registry that is there, if it is what was asked for.
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
    let limit = request.time_factor.of(ANSWER_LIMIT);
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

/// Tells every cluster what registries there are.
async fn tell_all(context: Context<'_>) {
    let Context { podman, dirs, events } = context;
    let look = async {
        let local = registry::local_registries(podman).await.map_err(|fault| fault.to_string())?;
        let nodes = cluster::nodes(podman, dirs, None).await.map_err(|fault| fault.to_string())?;
        let records = Record::all(&dirs.state).map_err(|fault| fault.to_string())?;
        Ok::<_, String>((local, nodes, records))
    };
    let (local, nodes, records) = match look.await {
        Ok(found) => found,
        Err(fault) => {
            let warning = format!("nodes are not told of registries: {fault}");
            return events.send(Event::Warning(warning));
        }
    };
    let told = records.into_iter().map(|(name, record)| {
        let of_it = nodes.iter().filter(|node| node.cluster == name.as_str()).collect();
        tell_cluster(context, name, record, of_it, &local)
    });
    futures_util::future::join_all(told).await;
}

fn not_told(name: &ClusterName, fault: &dyn std::fmt::Display) -> Event {
    Event::Warning(format!("nodes of cluster `{name}` are not told of registries: {fault}"))
}

async fn tell_cluster(
    context: Context<'_>,
    name: ClusterName,
    record: Option<Record>,
    nodes: Vec<&NodeSummary>,
    local: &[LocalRegistry],
) {
    let Some(record) = record else {
        // One without a record is just coming or going.
        if let Err(fault) = Record::read(&context.dirs.state, &name) {
            context.events.send(not_told(&name, &fault));
        }
        return;
    };
    tell(context, &record, &nodes, local).await;
    let control_plane = record.control_plane();
    let is_up = nodes.iter().any(|node| node.name == control_plane && node.state.is_running());
    if record.complete && is_up {
        document(context, &name, local).await;
    }
}

/// Tells the nodes of one cluster that was just created or grew, if there are other registries now than
/// `planned`; again if there are others by then, since [`tell_all`] may have told them of those first.
pub(super) async fn tell_new(context: Context<'_>, record: &Record, planned: &[LocalRegistry]) {
    let mut told = planned.to_vec();
    loop {
        let look = async {
            let local = registry::local_registries(context.podman).await?;
            if local == told {
                return Ok(None);
            }
            let nodes = cluster::nodes(context.podman, context.dirs, Some(&record.name)).await?;
            Ok::<_, PodmanError>(Some((local, nodes)))
        };
        let (local, nodes) = match look.await {
            Ok(Some(found)) => found,
            Ok(None) => return,
            // The cluster is good without.
            Err(fault) => return context.events.send(not_told(&record.name, &fault)),
        };
        tell(context, record, &nodes.iter().collect::<Vec<_>>(), &local).await;
        told = local;
    }
}

/// Writes the file of registries of these nodes anew. One that does not run reads it when it starts,
/// and one that is being created is its creator's to tell.
async fn tell(
    context: Context<'_>,
    record: &Record,
    nodes: &[&NodeSummary],
    local: &[LocalRegistry],
) {
    let Context { podman, events, .. } = context;
    let file = [registries_file(&record.spec.registries, local)];
    let told = nodes.iter().filter(|node| {
        node.role != LOAD_BALANCER
            && !matches!(node.state, ContainerState::Created | ContainerState::Initialized)
    });
    let told = told.map(|node| async {
        let name = node.name.as_str();
        let done = async {
            podman.upload(name, "/var", archive(&file)).await?;
            match node.state.is_running() {
                true => podman.exec(name, &["sh", "-c", RELOAD]).await.map(Some),
                false => Ok(None),
            }
        };
        let fault = match tokio::time::timeout(TELL_LIMIT, done).await {
            Ok(Ok(Some(output))) if output.status != 0 => {
                String::from_utf8_lossy(&output.stderr).trim().to_owned()
            }
            Ok(Ok(None)) if node.state == ContainerState::Paused => "it is paused".to_owned(),
            Ok(Ok(_)) => return,
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => no_answer(),
        };
        events.send(Event::Warning(format!(
            "node `{name}` knows the registries there are only after a restart: {fault}"
        )));
    });
    futures_util::future::join_all(told).await;
}

fn no_answer() -> String {
    format!("no answer within {} s", TELL_LIMIT.as_secs())
}

/// Says in a cluster that is there which registry it has.
async fn document(context: Context<'_>, name: &ClusterName, local: &[LocalRegistry]) {
    let said = async {
        let cluster = Cluster::open(context.dirs, name).map_err(|fault| fault.to_string())?;
        let kubeconfig = cluster.kubeconfig().map_err(|fault| fault.to_string())?;
        let client = client::connect(&kubeconfig).await.map_err(|fault| fault.to_string())?;
        document_by(&client, local).await.map_err(|fault| fault.to_string())
    };
    let said = tokio::time::timeout(TELL_LIMIT, said).await;
    if let Err(fault) = said.unwrap_or_else(|_| Err(no_answer())) {
        context.events.send(not_documented(name, &fault));
    }
}

/// Says in a new cluster which registry it has, if there are others than were `said` last; again if
/// there are others by then. Answers which were said. Called once more when the cluster is complete: from
/// then on whoever creates or deletes a registry says it too.
pub(super) async fn document_new(
    context: Context<'_>,
    client: &kube::Client,
    name: &ClusterName,
    mut said: Vec<LocalRegistry>,
) -> Vec<LocalRegistry> {
    loop {
        let fault = match registry::local_registries(context.podman).await {
            Ok(local) if local == said => return said,
            Ok(local) => {
                let written = document_by(client, &local).await;
                said = local;
                written.err().map(|fault| fault.to_string())
            }
            Err(fault) => Some(fault.to_string()),
        };
        if let Some(fault) = fault {
            // Pods pull from it all the same.
            context.events.send(not_documented(name, &fault));
            return said;
        }
    }
}

fn not_documented(name: &ClusterName, fault: &str) -> Event {
    let map = addons::REGISTRY_HOSTING;
    Event::Warning(format!("cluster `{name}`: ConfigMap `{map}` could not be written: {fault}"))
}

/// The same, with a client. What somebody else says there stays.
async fn document_by(client: &kube::Client, local: &[LocalRegistry]) -> Result<(), kube::Error> {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    let maps = kube::Api::<ConfigMap>::namespaced(client.clone(), "kube-public");
    let found = maps.get_opt(addons::REGISTRY_HOSTING).await?;
    let is_ours = |map: &ConfigMap| {
        map.labels().get(addons::MANAGED_BY).is_some_and(|manager| manager == "kipod")
    };
    match (local.first(), &found) {
        (_, Some(map)) if !is_ours(map) => Ok(()),
        (Some(registry), _) => {
            install_addons::apply(client, &[addons::registry_hosting(&registry.host())]).await
        }
        (None, Some(_)) => {
            maps.delete(addons::REGISTRY_HOSTING, &Default::default()).await.map(drop)
        }
        (None, None) => Ok(()),
    }
}
