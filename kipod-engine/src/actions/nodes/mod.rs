//! A node more, or a node less, in a cluster that is there.

mod existing;

use std::path::PathBuf;
use std::time::Duration;

use crate::actions::change_error::ChangeError;
use crate::actions::create::node_images;
use crate::actions::create::preflight;
use crate::actions::create::{CONTROL_PLANE_TIMEOUT, Context, empty_status_dir, start_node};
use crate::actions::registries::tell_new;
use crate::actions::wait::{RestartedNodes, Waiter};
use crate::actions::wait_target::{WaitTarget, WatchedNode};
use crate::cluster::store;
use crate::cluster::{Cluster, OpenError, Record, cluster_dir, remove_from_podman};
use crate::events::{Event, Step, step};
use crate::kubeconfig::client;
use crate::kubernetes::Role;
use crate::lease::NameLock;
use crate::node::{Entry, SHARED_STORE};
use crate::node_image::{NodeImage, node_image};
use crate::pki::Credentials;
use crate::plan::{
    Choices, Machine, NodeIdentity, NodePlan, PlanContext, has_balancer, next_identity,
    node_network,
};
use crate::podman::Podman;
use crate::registry;
use crate::spec::{ClusterName, FoundRegistries, ImageReference, NodeSpec};
use existing::Siblings;
use tokio_util::sync::CancellationToken;

/// A node to be added.
#[derive(Debug, Clone)]
pub struct AddRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// What the node does.
    pub role: Role,
    /// Its node image; `None` is the cluster's.
    pub image: Option<ImageReference>,
    /// The machine.
    pub machine: Machine,
    /// How long to wait until the node is Ready; zero does not wait.
    pub wait: Duration,
    /// The time, in seconds since the Unix epoch.
    pub now: i64,
    /// How to ask for an early end.
    pub cancel: CancellationToken,
}

/// Adds a node to a cluster, waits until it is Ready, and answers its name.
///
/// # Errors
///
/// When there is no such cluster, another process works on it, there is no room, or the node does not
/// become Ready in time. Then the cluster is as it was before.
pub async fn add_node(context: Context<'_>, request: &AddRequest) -> Result<String, ChangeError> {
    let (dirs, events) = (context.dirs, context.events);
    let _lock = NameLock::take(&dirs.state, &request.cluster)?;
    let mut record = open(context, &request.cluster).await?;
    if request.role == Role::ControlPlane && !has_balancer(&record.spec) {
        return Err(ChangeError::OneControlPlane { cluster: request.cluster.clone() });
    }
    let identity = next_identity(&record.spec, &record.nodes, request.role);
    let identity = identity.ok_or_else(|| no_room(&request.cluster))?;
    // Who cannot sign for the node cannot take it back either.
    Siblings::new(context.podman, &record.name, &record.nodes).await?.control_plane(None)?;
    // First the record: from here on whoever comes after a kill knows what to remove.
    record.changing = Some(identity.clone());
    record.write(&dirs.state)?;
    let added = step(events, Step::AddNode, add(context, request, &record, &identity)).await;
    match &added {
        Ok(()) => {
            record.nodes.push(identity.clone());
            record.changing = None;
            record.write(&dirs.state)?;
        }
        // The first cause is what the user must see; a fault on the way back is told beside it.
        Err(_) => {
            if let Err(fault) = take_back(context, &mut record).await {
                events.send(Event::Warning(format!("clean-up: {fault}")));
            }
        }
    }
    added.map(|()| identity.name)
}

/// Moves a node's pods away and removes it. With the first control plane goes the host's address for
/// Services, with a warning.
///
/// # Errors
///
/// When there is no such cluster or node, another process works on the cluster, the node is its only
/// control plane, its pods cannot be moved, or something of it cannot be removed.
pub async fn remove_node(
    context: Context<'_>,
    name: &ClusterName,
    node: &str,
) -> Result<(), ChangeError> {
    let _lock = NameLock::take(&context.dirs.state, name)?;
    let mut record = open(context, name).await?;
    let Some(index) = record.nodes.iter().position(|identity| identity.name == node) else {
        let names = record.nodes.into_iter().map(|identity| identity.name).collect();
        return Err(ChangeError::NoNode { cluster: name.clone(), node: node.to_owned(), names });
    };
    let identity = record.nodes[index].clone();
    let work = async {
        let siblings = Siblings::new(context.podman, name, &record.nodes).await?;
        siblings.can_lose(&identity)?;
        siblings.drain(&identity).await?;
        // From here on it does not come back, and nobody else publishes node ports.
        let first = record.nodes.iter().position(|identity| identity.role == Role::ControlPlane);
        let lost = record.service_address.take_if(|_| first == Some(index));
        record.nodes.remove(index);
        record.changing = Some(identity);
        record.write(&context.dirs.state)?;
        if let Some(address) = lost {
            context.events.send(Event::Warning(format!(
                "cluster `{name}` has no address for Services any more: its first control plane, `{node}`, published node ports at `{address}`; Services of type `LoadBalancer` that have the address are not reached there"
            )));
        }
        take_back(context, &mut record).await
    };
    step(context.events, Step::RemoveNode, work).await
}

/// Takes away what a change of a cluster's nodes left that was cut off, and answers the node's name;
/// `None` where there was no such thing.
///
/// # Errors
///
/// When there is no such cluster, another process works on it, no control plane of it runs, or
/// something of the node cannot be removed.
pub async fn finish_change(
    context: Context<'_>,
    name: &ClusterName,
) -> Result<Option<String>, ChangeError> {
    let _lock = NameLock::take(&context.dirs.state, name)?;
    let changing = Cluster::open(context.dirs, name)?.record().changing.clone();
    open(context, name).await?;
    Ok(changing.map(|identity| identity.name))
}

/// The cluster's record, after what a killed kipod left of a change was taken away.
async fn open(context: Context<'_>, name: &ClusterName) -> Result<Record, ChangeError> {
    let mut record = Cluster::open(context.dirs, name)?.record().clone();
    if record.changing.is_some() {
        crate::cluster::settle().await;
        take_back(context, &mut record).await?;
    }
    Ok(record)
}

/// Removes all there is of the node that is being changed, and says so in the record.
async fn take_back(context: Context<'_>, record: &mut Record) -> Result<(), ChangeError> {
    let Context { podman, dirs, .. } = context;
    let Some(identity) = record.changing.clone() else { return Ok(()) };
    let failed = |source| ChangeError::Podman { node: identity.name.clone(), source };
    let siblings = Siblings::new(podman, &record.name, &record.nodes).await?;
    // While it still answers nobody is sent to it in vain.
    siblings.update(&record.spec, &record.nodes).await?;
    siblings.leave_etcd(&identity).await;
    remove_from_podman(podman, &record.name, &identity.name).await.map_err(failed)?;
    siblings.forget(&identity).await?;
    let dir = cluster_dir(&dirs.state, &record.name).join("nodes").join(&identity.name);
    // Nobody reads it any more, and it goes with the cluster's folder.
    let _ = std::fs::remove_dir_all(dir);
    record.changing = None;
    Ok(record.write(&dirs.state)?)
}

async fn add(
    context: Context<'_>,
    request: &AddRequest,
    record: &Record,
    identity: &NodeIdentity,
) -> Result<(), ChangeError> {
    let Context { podman, dirs, .. } = context;
    let siblings = Siblings::new(podman, &record.name, &record.nodes).await?;
    let driver = request.machine.storage_driver;
    let reference = request.image.as_ref().unwrap_or(&record.spec.image);
    let image = node_image(podman, reference.as_str(), &dirs.data, driver)
        .await
        .map_err(super::CreateError::from)?;
    let have = &image.kubernetes_version;
    if let Some(fault) =
        node_images::skew(identity.role, &identity.name, have, &record.kubernetes_version)
    {
        return Err(super::CreateError::Skew { faults: vec![fault] }.into());
    }
    let (name, joining) = (record.name.as_str(), [identity.name.clone()]);
    let credentials =
        Credentials::signed_by(siblings.authorities().await?, name, &joining, request.now)
            .map_err(super::CreateError::from)?;
    let mut identities = record.nodes.clone();
    identities.push(identity.clone());
    let node_subnet = node_network(&identities);
    let found = found_registries(podman, record).await?;
    let ground = PlanContext {
        spec: &record.spec,
        machine: &request.machine,
        choices: &Choices {
            node_subnet: node_subnet.ok_or_else(|| no_room(&record.name))?,
            api_port: record.api_port,
            service_address: None,
        },
        credentials: &credentials,
        found_registries: &found,
        kubernetes_version: &record.kubernetes_version,
        control_plane_store: &control_plane_store(podman, &identities, &image).await?,
        identities: &identities,
        cluster_dir: &cluster_dir(&dirs.state, &record.name),
    };
    let node = NodeSpec { image: request.image.clone(), ..NodeSpec::new(request.role) };
    let plan = ground.node(identity, &node, Entry::JoiningNode, &image);
    let plan = plan.map_err(super::CreateError::from)?;
    empty_status_dir(&plan)?;
    // An earlier kipod made clusters without.
    let dir = cluster_dir(&dirs.state, &record.name);
    store::create(&dir, driver)
        .map_err(|source| crate::cluster::RecordError::Io { path: dir, source })?;
    start_node(podman, &plan)
        .await
        .map_err(|source| ChangeError::Podman { node: identity.name.clone(), source })?;
    tell_new(context, record, &found.local).await;
    // Pods of the new node are reached from its first second on.
    siblings.update(&record.spec, &identities).await?;
    until_ready(context, request, record, plan).await
}

/// What the machine has of registries now; the credentials may be others than at first.
async fn found_registries(
    podman: &dyn Podman,
    record: &Record,
) -> Result<FoundRegistries, ChangeError> {
    let auth = record.spec.registry_auth_file.as_deref().map(preflight::registry_auth).transpose();
    let auth = auth.map_err(|faults| super::CreateError::Outside { faults })?;
    Ok(FoundRegistries {
        auth,
        local: registry::local_registries(podman).await.map_err(ChangeError::list)?,
    })
}

/// The image store that a control plane has mounted; the node's own where Podman does not
/// say.
async fn control_plane_store(
    podman: &dyn Podman,
    identities: &[NodeIdentity],
    image: &NodeImage,
) -> Result<PathBuf, ChangeError> {
    let first = identities.iter().find(|identity| identity.role == Role::ControlPlane);
    let Some(first) = first else { return Ok(image.image_store.clone()) };
    let details = podman
        .inspect_container(&first.name)
        .await
        .map_err(|source| ChangeError::Podman { node: first.name.clone(), source })?;
    let mut mounts = details.mounts.into_iter();
    let store = mounts.find(|mount| mount.destination.as_os_str() == SHARED_STORE);
    Ok(store.map_or_else(|| image.image_store.clone(), |mount| mount.source))
}

async fn until_ready(
    context: Context<'_>,
    request: &AddRequest,
    record: &Record,
    plan: NodePlan,
) -> Result<(), ChangeError> {
    let factor = request.machine.time_factor;
    let cluster = Cluster::open(context.dirs, &record.name)?;
    let kubeconfig = cluster.kubeconfig().map_err(OpenError::from)?;
    let client =
        client::connect_with_timeout(&kubeconfig, factor.of(client::CONNECT_TIMEOUT)).await?;
    let watched = WaitTarget {
        containers: vec![plan.name.clone()],
        is_new: true,
        nodes: vec![WatchedNode::planned(&plan)],
        ..WaitTarget::recorded(record, context.dirs)
    };
    let (podman, cancel) = (context.podman, &request.cancel);
    let waiter = Waiter { cluster: watched, podman, client, cancel, factor };
    waiter.kubeadm(factor.of(CONTROL_PLANE_TIMEOUT)).await?;
    waiter.assign_pod_subnets().await;
    if request.wait.is_zero() || record.spec.networking.disable_default_cni {
        // Where kipod gives pods no network, a node is Ready when the user's network says so.
        return Ok(());
    }
    Ok(waiter.workloads(request.wait, &RestartedNodes::none()).await?)
}

fn no_room(cluster: &ClusterName) -> ChangeError {
    ChangeError::NoRoom { cluster: cluster.clone() }
}
