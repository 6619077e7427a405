//! Removing what belongs to nobody, and only that. What it is is found by locks, labels and records;
//! no age and no name decides.
//!
//! * Clusters that tests made, which no process and no run uses, and in which nothing has to stay.
//! * Clusters whose creation or deletion was cut off, and what Podman has of clusters without a record.
//! * Nodes whose addition or removal was cut off.
//! * What Podman has of registries without a container.
//! * What was unpacked for loads of images that were cut off.
//! * Image stores that no node image and no node needs.
//! * Lock files that nobody holds, and what tests noted about clusters that are gone.

mod clusters;
mod files;
mod loads;
mod registries;
mod stores;
#[cfg(test)]
mod tests;

use crate::cluster::RecordError;
use crate::podman::{Podman, PodmanError};
use crate::util::Hint;
use crate::util::dirs::Dirs;

/// What a [`prune`] did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// What is gone, a line each, as ``container `demo-control-plane-0` ``.
    pub removed: Vec<String>,
    /// What looks as if it belonged to nobody and stays all the same, and why.
    pub stays: Vec<String>,
    /// What could not be removed, and why.
    pub faults: Vec<String>,
}

/// It cannot be found out what there is.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The records cannot be listed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Podman did not answer.
    #[error("cannot list what podman has of clusters and registries: {0}")]
    Podman(#[from] PodmanError),
}

impl PruneError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Record(error) => error.hint().map(str::to_owned),
            Self::Podman(error) => error.hint(),
        }
    }
}

/// What one prune works with.
struct Prune<'a> {
    podman: &'a dyn Podman,
    dirs: &'a Dirs,
    dry_run: bool,
    done: Pruned,
}

/// Removes what belongs to nobody. With `dry_run` it only says what that is. What somebody begins to use
/// meanwhile is left alone.
///
/// # Errors
///
/// When it cannot be found out what there is. What cannot be removed is in [`Pruned::faults`].
pub async fn prune(podman: &dyn Podman, dirs: &Dirs, dry_run: bool) -> Result<Pruned, PruneError> {
    let mut prune = Prune { podman, dirs, dry_run, done: Pruned::default() };
    prune.name_locks();
    prune.loads().await;
    prune.clusters_of_tests().await;
    prune.broken_clusters().await?;
    prune.registries().await?;
    prune.image_stores().await;
    Ok(prune.done)
}

impl Prune<'_> {
    fn removed(&mut self, what: impl IntoIterator<Item = String>) {
        self.done.removed.extend(what);
    }

    fn fault(&mut self, fault: &impl std::fmt::Display) {
        self.done.faults.push(fault.to_string());
    }
}
