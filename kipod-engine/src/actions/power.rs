//! Stopping and starting existing clusters and their nodes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::actions::change_error::ChangeError;
use crate::actions::context::Context;
use crate::actions::port_conflicts::publisher;
use crate::actions::restarted_nodes::RestartedNodes;
use crate::actions::wait::Waiter;
use crate::actions::wait_target::WaitTarget;
use crate::cluster::{self, ClusterEntry, OpenError, Record};
use crate::events::{Step, step};
use crate::kubeconfig::client;
use crate::lease::NameLock;
use crate::podman::{ContainerInfo, Podman, PodmanError};
use crate::spec::ClusterName;
use crate::util::dirs::Dirs;
use crate::util::timeouts::Timeouts;

/// An operation on an existing node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeAction {
    /// Stops the node. Its state stays.
    Stop,
    /// Starts the node.
    Start,
    /// Freezes the node's processes.
    Pause,
    /// Resumes the node's processes.
    Unpause,
}

impl NodeAction {
    async fn run(self, podman: &dyn Podman, container: &str) -> Result<(), PodmanError> {
        match self {
            Self::Stop => {
                unpause(podman, container).await;
                podman.stop_container(container).await
            }
            Self::Start => {
                unpause(podman, container).await;
                podman.start_container(container).await
            }
            Self::Pause => podman.pause_container(container).await,
            Self::Unpause => {
                podman.unpause_container(container).await?;
                // Nodes may have been added or removed in the meantime.
                let _ = podman.exec(container, &["/usr/local/lib/kipod/routes"]).await;
                Ok(())
            }
        }
    }
}

/// Unpauses a container, because Podman neither stops nor starts paused ones. Fails for others, which is
/// ignored.
async fn unpause(podman: &dyn Podman, container: &str) {
    let _ = podman.unpause_container(container).await;
}

/// Stops all containers of a cluster. Its state, addresses and port stay reserved.
///
/// # Errors
///
/// When the cluster does not exist, another process works on it, or Podman fails. When containers of it do
/// not exist any more; the others are stopped.
pub async fn stop(context: Context<'_>, name: &ClusterName) -> Result<(), ChangeError> {
    let _lock = NameLock::take(&context.dirs.state, name)?;
    let cluster = ClusterEntry::open(context.dirs, name)?;
    // All containers, including those of an interrupted change.
    let nodes = cluster::containers(context.podman, Some(name)).await.map_err(ChangeError::list)?;
    let missing = require_containers(cluster.record(), &nodes);
    let containers: Vec<_> = nodes.into_iter().map(|node| node.name).collect();
    let work = run_on_all(context.podman, &containers, NodeAction::Stop);
    step(context.events, Step::Stop, work).await?;
    missing
}

/// Fails if containers of the cluster's record do not exist.
fn require_containers(record: &Record, found: &[ContainerInfo]) -> Result<(), ChangeError> {
    let exists = |name: &String| found.iter().any(|container| container.name == *name);
    let containers: Vec<String> = record.containers().filter(|name| !exists(name)).collect();
    match containers.is_empty() {
        true => Ok(()),
        false => Err(ChangeError::MissingContainers { cluster: record.name.clone(), containers }),
    }
}

/// Options for starting a cluster.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// The cluster.
    pub name: ClusterName,
    /// Timeout for the cluster to become ready; zero does not wait.
    pub wait: Duration,
    /// The timeouts of this host.
    pub timeouts: Timeouts,
    /// The token that cancels the start.
    pub cancel: CancellationToken,
}

/// Starts all containers of a cluster and waits until its nodes and cluster DNS are ready. Running
/// containers are not changed.
///
/// # Errors
///
/// When the cluster or a container of it does not exist, another process works on it, Podman fails, or
/// the cluster is not ready in time. The cluster then stays as it is.
pub async fn start(
    context: Context<'_>,
    request: &StartRequest,
) -> Result<ClusterEntry, ChangeError> {
    let (dirs, events) = (context.dirs, context.events);
    let _lock = NameLock::take(&dirs.state, &request.name)?;
    let cluster = ClusterEntry::open(dirs, &request.name)?;
    let target = WaitTarget::recorded(cluster.record(), dirs);
    let found = cluster::containers(context.podman, Some(&request.name)).await;
    let found = found.map_err(ChangeError::list)?;
    require_containers(cluster.record(), &found)?;
    let stopped = found.into_iter().filter(|node| !node.state.is_running());
    let restarted = RestartedNodes::now(stopped.map(|node| node.name).collect());
    let work = run_on_all(context.podman, &target.containers, NodeAction::Start);
    let started = step(events, Step::StartNodes, work).await;
    started.map_err(|error| name_publisher(error, dirs, cluster.record()))?;
    // With the user's own CNI, that CNI decides when nodes are Ready.
    if request.wait.is_zero() || cluster.record().spec.networking.disable_default_cni {
        return Ok(cluster);
    }
    let timeouts = request.timeouts;
    let kubeconfig = cluster.kubeconfig().map_err(OpenError::from)?;
    let client = client::connect_with_timeout(&kubeconfig, timeouts.connect()).await?;
    let (podman, cancel, state) = (context.podman, &request.cancel, dirs.state.as_path());
    let waiter = Waiter { cluster: target, podman, client, cancel, state, timeouts };
    step(events, Step::StartControlPlane, waiter.api_server(request.wait)).await?;
    step(events, Step::Ready, waiter.workloads(request.wait, &restarted)).await?;
    Ok(cluster)
}

/// Adds the cluster that publishes the conflicting port to an error about the address of Services.
fn name_publisher(mut error: ChangeError, dirs: &Dirs, record: &Record) -> ChangeError {
    if let ChangeError::Podman { source: PodmanError::PortInUse { message, .. }, .. } = &mut error
        && let Some(address) = record.service_address
        && let Some(cluster) = publisher(&dirs.state, address, message)
    {
        message.push_str(&format!(
            "; cluster `{cluster}` publishes the port on all addresses, but Services of `{}` use it too: stop `{cluster}` first",
            record.name
        ));
    }
    error
}

/// Runs an operation on one node of a cluster, or on its load balancer.
///
/// # Errors
///
/// When the cluster or node does not exist, another process works on the cluster, or Podman fails.
pub async fn node(
    context: Context<'_>,
    name: &ClusterName,
    node: &str,
    action: NodeAction,
) -> Result<(), ChangeError> {
    let _lock = NameLock::take(&context.dirs.state, name)?;
    ClusterEntry::open(context.dirs, name)?;
    let nodes = cluster::containers(context.podman, Some(name)).await.map_err(ChangeError::list)?;
    if !nodes.iter().any(|one| one.name == node) {
        let names = nodes.into_iter().map(|one| one.name).collect();
        return Err(ChangeError::NoNode { cluster: name.clone(), node: node.to_owned(), names });
    }
    let done = action.run(context.podman, node).await;
    done.map_err(|source| ChangeError::Podman { node: node.to_owned(), source })
}

/// Runs an operation on all containers concurrently. Returns the first error after all have finished.
async fn run_on_all(
    podman: &dyn Podman,
    containers: &[String],
    action: NodeAction,
) -> Result<(), ChangeError> {
    let work = containers.iter().map(|name| async {
        let done = action.run(podman, name).await;
        done.map_err(|source| ChangeError::Podman { node: name.clone(), source })
    });
    futures_util::future::join_all(work).await.into_iter().collect()
}
