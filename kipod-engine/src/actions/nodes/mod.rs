//! Adding and removing nodes of an existing cluster.

mod existing;

use std::path::PathBuf;
use std::time::Duration;

use crate::actions::change_error::ChangeError;
use crate::actions::context::Context;
use crate::actions::registries::update_nodes_if_changed;
use crate::actions::restarted_nodes::RestartedNodes;
use crate::actions::start_node::{empty_status_dir, start_node};
use crate::actions::wait::Waiter;
use crate::actions::wait_target::{TargetNode, WaitTarget};
use crate::actions::{ca_certificates, node_images, registry_auth};
use crate::cluster::store;
use crate::cluster::{ClusterEntry, OpenError, Record, cluster_dir, remove_from_podman};
use crate::events::{Event, Step, step};
use crate::kubeconfig::client;
use crate::kubernetes::Role;
use crate::lease::NameLock;
use crate::node::{Bootstrap, SHARED_STORE};
use crate::node_image::{NodeImage, node_image};
use crate::pki::Credentials;
use crate::plan::{
    Choices, Machine, NodeIdentity, NodePlan, PlanContext, has_balancer, next_identity,
    node_network,
};
use crate::podman::Podman;
use crate::registry;
use crate::spec::{ClusterName, FoundRegistries, ImageReference, NodeSpec};
use crate::util::text::error_chain;
use existing::ExistingNodes;
use tokio_util::sync::CancellationToken;

/// Options for adding a node.
#[derive(Debug, Clone)]
pub struct AddRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The role of the node.
    pub role: Role,
    /// The node image; `None` selects the cluster's.
    pub image: Option<ImageReference>,
    /// The host.
    pub machine: Machine,
    /// Timeout for the node to become Ready; zero does not wait.
    pub wait: Duration,
    /// The current time, in seconds since the Unix epoch.
    pub now: i64,
    /// The token that cancels the addition.
    pub cancel: CancellationToken,
}

/// Adds a node to a cluster and waits until it is Ready. Returns its name.
///
/// # Errors
///
/// When the cluster does not exist, another process works on it, no address is free, or the node does not
/// become Ready in time. The addition is rolled back.
pub async fn add_node(context: Context<'_>, request: &AddRequest) -> Result<String, ChangeError> {
    let (dirs, events) = (context.dirs, context.events);
    let _lock = NameLock::take(&dirs.state, &request.cluster)?;
    let mut record = open(context, &request.cluster).await?;
    if request.role == Role::ControlPlane && !has_balancer(&record.spec) {
        return Err(ChangeError::OneControlPlane { cluster: request.cluster.clone() });
    }
    let identity = next_identity(&record.spec, &record.nodes, request.role);
    let identity = identity.ok_or_else(|| no_room(&request.cluster))?;
    // Without a running control plane, neither the addition nor its rollback is possible.
    ExistingNodes::new(context.podman, &record.name, &record.nodes).await?.control_plane(None)?;
    // The record comes first: after a SIGKILL it lists the resources to remove.
    record.changing = Some(identity.clone());
    record.write(&dirs.state)?;
    let added = step(events, Step::AddNode, add(context, request, &record, &identity)).await;
    match &added {
        Ok(()) => {
            record.nodes.push(identity.clone());
            record.changing = None;
            record.write(&dirs.state)?;
        }
        // The error of the addition is returned; that of the rollback is a warning.
        Err(_) => {
            if let Err(error) = remove_changing(context, &mut record).await {
                let error = error_chain(&error);
                events.send(Event::Warning(format!("failed to remove the added node: {error}")));
            }
        }
    }
    added.map(|()| identity.name)
}

/// Drains a node and removes it. Removing the first control plane also removes the host address of
/// Services, with a warning.
///
/// # Errors
///
/// When the cluster or node does not exist, another process works on the cluster, the node is the only
/// control plane, it cannot be drained, or something of it cannot be removed.
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
        let existing = ExistingNodes::new(context.podman, name, &record.nodes).await?;
        existing.check_removable(&identity)?;
        existing.drain(&identity).await?;
        // From here on, the removal is not rolled back. No other node publishes node ports.
        let first = record.nodes.iter().position(|identity| identity.role == Role::ControlPlane);
        let lost = record.service_address.take_if(|_| first == Some(index));
        record.nodes.remove(index);
        record.changing = Some(identity);
        record.write(&context.dirs.state)?;
        if let Some(address) = lost {
            context.events.send(Event::Warning(format!(
                "cluster `{name}` has no address for Services any more: its first control plane, `{node}`, published node ports at `{address}`; Services of type `LoadBalancer` with that address are unreachable"
            )));
        }
        remove_changing(context, &mut record).await
    };
    step(context.events, Step::RemoveNode, work).await
}

/// Removes the node of an interrupted addition or removal. Returns its name, or `None` if no change was
/// interrupted.
///
/// # Errors
///
/// When the cluster does not exist, another process works on it, no control plane is running, or something
/// of the node cannot be removed.
pub async fn finish_change(
    context: Context<'_>,
    name: &ClusterName,
) -> Result<Option<String>, ChangeError> {
    let _lock = NameLock::take(&context.dirs.state, name)?;
    let changing = ClusterEntry::open(context.dirs, name)?.record().changing.clone();
    open(context, name).await?;
    Ok(changing.map(|identity| identity.name))
}

/// Reads the cluster's record, after removing the node of an interrupted change.
async fn open(context: Context<'_>, name: &ClusterName) -> Result<Record, ChangeError> {
    let mut record = ClusterEntry::open(context.dirs, name)?.record().clone();
    if record.changing.is_some() {
        crate::cluster::settle().await;
        remove_changing(context, &mut record).await?;
    }
    Ok(record)
}

/// Removes the node that is being changed, and updates the record.
async fn remove_changing(context: Context<'_>, record: &mut Record) -> Result<(), ChangeError> {
    let Context { podman, dirs, .. } = context;
    let Some(identity) = record.changing.clone() else { return Ok(()) };
    let failed = |source| ChangeError::Podman { node: identity.name.clone(), source };
    let existing = ExistingNodes::new(podman, &record.name, &record.nodes).await?;
    // First, so that no connection goes to the node while it stops.
    existing.update(&record.spec, &record.nodes).await?;
    existing.leave_etcd(&identity).await;
    remove_from_podman(podman, &record.name, &identity.name).await.map_err(failed)?;
    existing.delete_object(&identity).await?;
    let dir = cluster_dir(&dirs.state, &record.name).join("nodes").join(&identity.name);
    // Not used any more, and removed with the cluster's directory at the latest.
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
    let existing = ExistingNodes::new(podman, &record.name, &record.nodes).await?;
    let driver = request.machine.storage_driver;
    let reference = request.image.as_ref().unwrap_or(&record.spec.image);
    let image = node_image(podman, reference.as_str(), &dirs.data, driver)
        .await
        .map_err(super::CreateError::from)?;
    let have = &image.kubernetes_version;
    if let Some(error) =
        node_images::skew_error(identity.role, &identity.name, have, &record.kubernetes_version)
    {
        return Err(super::CreateError::Skew { errors: vec![error] }.into());
    }
    let (name, joining) = (record.name.as_str(), [identity.name.clone()]);
    let credentials =
        Credentials::signed_by(existing.authorities().await?, name, &joining, request.now)
            .map_err(super::CreateError::from)?;
    let mut identities = record.nodes.clone();
    identities.push(identity.clone());
    let node_subnet = node_network(&identities);
    let found = found_registries(podman, record).await?;
    let plan_context = PlanContext {
        spec: &record.spec,
        machine: &request.machine,
        choices: &Choices {
            node_subnet: node_subnet.ok_or_else(|| no_room(&record.name))?,
            api_port: record.api_port,
            service_address: None,
            // The certificate of the API server exists.
            host_addresses: Vec::new(),
        },
        credentials: &credentials,
        found_registries: &found,
        kubernetes_version: &record.kubernetes_version,
        control_plane_store: &control_plane_store(podman, &identities, &image).await?,
        identities: &identities,
        cluster_dir: &cluster_dir(&dirs.state, &record.name),
    };
    let node = NodeSpec { image: request.image.clone(), ..NodeSpec::new(request.role) };
    let plan = plan_context.node(identity, &node, Bootstrap::Join, &image);
    let plan = plan.map_err(super::CreateError::from)?;
    empty_status_dir(&plan)?;
    // Older versions of kipod created clusters without a store.
    let dir = cluster_dir(&dirs.state, &record.name);
    store::create(&dir, driver)
        .map_err(|source| crate::cluster::RecordError::Io { path: dir, source })?;
    start_node(podman, &plan)
        .await
        .map_err(|source| ChangeError::Podman { node: identity.name.clone(), source })?;
    update_nodes_if_changed(context, record, &found.local).await;
    // Before the node runs pods, so that they are reachable immediately.
    existing.update(&record.spec, &identities).await?;
    wait_ready(context, request, record, plan).await
}

/// Returns the current registries of the host, and credentials, which may have changed since creation.
async fn found_registries(
    podman: &dyn Podman,
    record: &Record,
) -> Result<FoundRegistries, ChangeError> {
    let auth = record.spec.registry_auth_file.as_deref().map(registry_auth::read).transpose();
    let auth = auth.map_err(|errors| super::CreateError::HostResources { errors })?;
    let certificates = ca_certificates::read(&record.spec);
    Ok(FoundRegistries {
        auth,
        ca_certificates: certificates
            .map_err(|errors| super::CreateError::HostResources { errors })?,
        local: registry::local_registries(podman).await.map_err(ChangeError::list)?,
    })
}

/// Returns the image store that the first control plane mounts, or that of `image` if Podman does not
/// report it.
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

async fn wait_ready(
    context: Context<'_>,
    request: &AddRequest,
    record: &Record,
    plan: NodePlan,
) -> Result<(), ChangeError> {
    let timeouts = request.machine.timeouts;
    let cluster = ClusterEntry::open(context.dirs, &record.name)?;
    let kubeconfig = cluster.kubeconfig().map_err(OpenError::from)?;
    let client = client::connect_with_timeout(&kubeconfig, timeouts.connect()).await?;
    let target = WaitTarget {
        containers: vec![plan.name.clone()],
        is_new: true,
        nodes: vec![TargetNode::planned(&plan)],
        ..WaitTarget::recorded(record, context.dirs)
    };
    let (podman, cancel) = (context.podman, &request.cancel);
    let state = context.dirs.state.as_path();
    let waiter = Waiter { cluster: target, podman, client, cancel, state, timeouts };
    waiter.kubeadm(timeouts.control_plane()).await?;
    waiter.complete_node_objects().await?;
    if request.wait.is_zero() || record.spec.networking.disable_default_cni {
        // With the user's own CNI, that CNI decides when nodes are Ready.
        return Ok(());
    }
    Ok(waiter.workloads(request.wait, &RestartedNodes::none()).await?)
}

fn no_room(cluster: &ClusterName) -> ChangeError {
    ChangeError::NoRoom { cluster: cluster.clone() }
}
