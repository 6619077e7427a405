//! Stopping what is there, and starting it again: a cluster, or one of its nodes.

use std::time::Duration;

use crate::actions::change_error::ChangeError;
use crate::actions::create::Context;
use crate::actions::create::preflight;
use crate::actions::wait::{RestartedNodes, Waiter};
use crate::actions::wait_target::WaitTarget;
use crate::cluster::{self, Cluster, OpenError, Record};
use crate::events::{Step, step};
use crate::kubeconfig::client;
use crate::lease::NameLock;
use crate::podman::{Podman, PodmanError};
use crate::spec::ClusterName;
use crate::util::dirs::Dirs;
use crate::util::time_factor::TimeFactor;
use tokio_util::sync::CancellationToken;

/// What can be done to a node that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeAction {
    /// Stops it: its processes end, its state stays.
    Stop,
    /// Starts it again.
    Start,
    /// Freezes it: its processes stand still where they are.
    Pause,
    /// Lets it go on.
    Unpause,
}

impl NodeAction {
    async fn on(self, podman: &dyn Podman, container: &str) -> Result<(), PodmanError> {
        match self {
            Self::Stop => {
                wake(podman, container).await;
                podman.stop_container(container).await
            }
            Self::Start => {
                wake(podman, container).await;
                podman.start_container(container).await
            }
            Self::Pause => podman.pause_container(container).await,
            Self::Unpause => {
                podman.unpause_container(container).await?;
                // Nodes may have come and gone while it slept.
                let _ = podman.exec(container, &["/usr/local/lib/kipod/routes"]).await;
                Ok(())
            }
        }
    }
}

/// Podman neither stops nor starts what is frozen. Most often nothing is, and it says so.
async fn wake(podman: &dyn Podman, container: &str) {
    let _ = podman.unpause_container(container).await;
}

/// Stops all containers of a cluster. Its state, its addresses and its port stay its own.
///
/// # Errors
///
/// When there is no such cluster, another process works on it, or Podman refuses.
pub async fn stop(context: Context<'_>, name: &ClusterName) -> Result<(), ChangeError> {
    let _lock = NameLock::take(&context.dirs.state, name)?;
    Cluster::open(context.dirs, name)?;
    // All that there is, also what a change left that was cut off.
    let nodes = cluster::containers(context.podman, Some(name)).await.map_err(ChangeError::list)?;
    let containers: Vec<_> = nodes.into_iter().map(|node| node.name).collect();
    let work = on_all(context.podman, &containers, NodeAction::Stop);
    step(context.events, Step::Stop, work).await
}

/// How a cluster is started.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// The cluster.
    pub name: ClusterName,
    /// How long to wait for it to be ready; zero does not wait.
    pub wait: Duration,
    /// How much slower than usual the machine is.
    pub time_factor: TimeFactor,
    /// How to ask for an early end.
    pub cancel: CancellationToken,
}

/// Starts all containers of a cluster and waits until its nodes and cluster DNS are ready again.
/// What runs is left alone.
///
/// # Errors
///
/// When there is no such cluster, another process works on it, Podman refuses, or it is not ready in
/// time; then it stays as it is.
pub async fn start(context: Context<'_>, request: &StartRequest) -> Result<Cluster, ChangeError> {
    let (dirs, events) = (context.dirs, context.events);
    let _lock = NameLock::take(&dirs.state, &request.name)?;
    let cluster = Cluster::open(dirs, &request.name)?;
    let watched = WaitTarget::recorded(cluster.record(), dirs);
    let known = cluster::containers(context.podman, Some(&request.name)).await;
    let asleep =
        known.map_err(ChangeError::list)?.into_iter().filter(|one| !one.state.is_running());
    let woken = RestartedNodes::now(asleep.map(|node| node.name).collect());
    let work = on_all(context.podman, &watched.containers, NodeAction::Start);
    let started = step(events, Step::StartNodes, work).await;
    started.map_err(|error| naming_publisher(error, dirs, cluster.record()))?;
    // Where kipod gives pods no network, nodes are Ready when the user's network says so.
    if request.wait.is_zero() || cluster.record().spec.networking.disable_default_cni {
        return Ok(cluster);
    }
    let factor = request.time_factor;
    let kubeconfig = cluster.kubeconfig().map_err(OpenError::from)?;
    let client =
        client::connect_with_timeout(&kubeconfig, factor.of(client::CONNECT_TIMEOUT)).await?;
    let (podman, cancel) = (context.podman, &request.cancel);
    let waiter = Waiter { cluster: watched, podman, client, cancel, factor };
    step(events, Step::StartControlPlane, waiter.api_server(request.wait)).await?;
    step(events, Step::Ready, waiter.workloads(request.wait, &woken)).await?;
    Ok(cluster)
}

/// The same fault, with the cluster that has the port, where one is in the way of the Services' address.
fn naming_publisher(mut error: ChangeError, dirs: &Dirs, record: &Record) -> ChangeError {
    if let ChangeError::Podman { source: PodmanError::PortInUse { message, .. }, .. } = &mut error
        && let Some(address) = record.service_address
        && let Some(cluster) = preflight::publisher(&dirs.state, address, message)
    {
        message.push_str(&format!(
            "; cluster `{cluster}` publishes the port on all addresses, and Services of `{}` are reached there: stop it meanwhile",
            record.name
        ));
    }
    error
}

/// Does something to one node of a cluster, or to its load balancer.
///
/// # Errors
///
/// When there is no such cluster or node, another process works on the cluster, or Podman refuses.
pub async fn node(
    context: Context<'_>,
    name: &ClusterName,
    node: &str,
    action: NodeAction,
) -> Result<(), ChangeError> {
    let _lock = NameLock::take(&context.dirs.state, name)?;
    Cluster::open(context.dirs, name)?;
    let nodes = cluster::containers(context.podman, Some(name)).await.map_err(ChangeError::list)?;
    if !nodes.iter().any(|one| one.name == node) {
        let names = nodes.into_iter().map(|one| one.name).collect();
        return Err(ChangeError::NoNode { cluster: name.clone(), node: node.to_owned(), names });
    }
    let done = action.on(context.podman, node).await;
    done.map_err(|source| ChangeError::Podman { node: node.to_owned(), source })
}

/// Nodes need not wait for each other; of several faults the first is told, after all are tried.
async fn on_all(
    podman: &dyn Podman,
    containers: &[String],
    action: NodeAction,
) -> Result<(), ChangeError> {
    let work = containers.iter().map(|name| async {
        let done = action.on(podman, name).await;
        done.map_err(|source| ChangeError::Podman { node: name.clone(), source })
    });
    futures_util::future::join_all(work).await.into_iter().collect()
}
