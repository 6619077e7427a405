//! Creation of a cluster: the list of steps, in order. Each step is a file of this directory.

mod complete;
mod create_nodes;
mod environment;
mod error;
mod inotify;
mod install_addons;
mod own_images;
mod preflight;
mod reserve;
mod rollback;
mod service_address;
mod wait_control_plane;
mod wait_ready;

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::actions::context::Context;
use crate::actions::failure_log;
use crate::cluster::ClusterEntry;
use crate::events::Event;
use crate::kubeconfig::UserKubeconfig;
use crate::lease::NameLock;
use crate::plan::Machine;
use crate::podman::PodmanError;
use crate::spec::ClusterSpec;

pub use environment::check_environment;
pub use error::CreateError;
use preflight::Found;

/// A cluster to be created.
#[derive(Debug, Clone)]
pub struct Request {
    /// The specification.
    pub spec: ClusterSpec,
    /// The host, as far as it shapes the cluster.
    pub machine: Machine,
    /// The current time, in seconds since the Unix epoch.
    pub now: i64,
    /// The user's kubeconfig that gets an entry; `None` leaves it unchanged.
    pub kubeconfig: Option<UserKubeconfig>,
    /// The token that cancels the creation.
    pub cancel: CancellationToken,
    /// Returns how many of a number of inotify instances are left to this user.
    pub available_inotify_instances: fn(usize) -> usize,
}

impl Request {
    /// Fails if the creation was cancelled.
    fn check_cancelled(&self) -> Result<(), CreateError> {
        match self.cancel.is_cancelled() {
            true => Err(CreateError::Cancelled { name: self.spec.name.clone() }),
            false => Ok(()),
        }
    }

    /// Runs `work` until the creation is cancelled.
    async fn unless_cancelled<T, E: Into<CreateError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CreateError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {
                Err(CreateError::Cancelled { name: self.spec.name.clone() })
            }
            done = work => done.map_err(Into::into),
        }
    }
}

/// Creates a cluster and waits for it.
///
/// The cluster's record is written before anything is created, and everything created carries the
/// cluster's label. So there is one rollback, [`crate::cluster::remove`], for a failure, a cancellation, a
/// SIGKILL and `kipod delete cluster`.
///
/// # Errors
///
/// When any step fails. What was created is removed again before this returns, unless
/// [`ClusterSpec::retain`] is set; what cannot be removed is reported as a warning.
pub async fn create(cx: Context<'_>, mut request: Request) -> Result<ClusterEntry, CreateError> {
    let lock = NameLock::take(&cx.dirs.state, &request.spec.name)?;
    failure_log::remove_old_files(&cx.dirs.state);
    rollback::remove_leftovers(cx, &request).await?;
    let found = preflight::check(cx, &mut request).await?;
    let created = steps(cx, &request, &found).await;
    if let Err(error) = &created {
        rollback::after(cx, &request, error).await;
    }
    drop(lock);
    created
}

/// The steps that create something.
async fn steps(
    cx: Context<'_>,
    request: &Request,
    found: &Found,
) -> Result<ClusterEntry, CreateError> {
    let start = Instant::now();
    let reservation = create_nodes::run(cx, request, found).await?;
    // The nodes boot meanwhile.
    request.unless_cancelled(found.preload.fill(cx, request)).await?;
    let waiter = wait_control_plane::run(cx, request, &reservation).await?;
    wait_ready::run(cx, request, &waiter).await?;
    install_addons::run(cx, request, found, &waiter.client).await?;
    let names: Vec<String> = reservation.plan.nodes.iter().map(|node| node.name.clone()).collect();
    found.preload.verify(cx, &request.spec.name, &names).await?;
    let cluster = complete::run(cx, request, reservation, &waiter.client).await?;
    cx.events.send(Event::Detail(format!("created in {:.1} s", start.elapsed().as_secs_f64())));
    Ok(cluster)
}

/// Wraps an error of Podman with the name of the node, or of the cluster, that it is about.
fn podman_error(node: &str, source: PodmanError) -> CreateError {
    CreateError::Podman { node: node.to_owned(), source }
}
