//! Garbage collection of orphaned resources. Ownership is decided by locks, labels and records only,
//! never by age or name.
//!
//! Orphaned resources are:
//!
//! * Clusters that tests created, without a process or run that uses them and without kept namespaces.
//! * Clusters whose creation or deletion was interrupted, and Podman resources of clusters without a
//!   record.
//! * Nodes whose addition or removal was interrupted.
//! * Podman resources of registries without a container.
//! * Unpacked images of interrupted loads.
//! * Image stores that no node image and no node uses.
//! * Lock files that no process holds, and files of tests about deleted clusters.

mod clusters;
mod loads;
mod registries;
mod stores;
mod test_clusters;
#[cfg(test)]
mod tests;

use std::error::Error;

use crate::cluster::RecordError;
use crate::podman::{Podman, PodmanError};
use crate::util::Hint;
use crate::util::dirs::Dirs;
use crate::util::text::error_chain;

/// The result of [`Engine::prune`](crate::Engine::prune).
///
/// ```no_run
/// # async fn example(engine: kipod_engine::Engine) -> Result<(), kipod_engine::Error> {
/// let dry_run = true;
/// let pruned = engine.prune(dry_run).await?;
/// for resource in &pruned.removed {
///     println!("would remove {resource}");
/// }
/// for reason in &pruned.kept {
///     println!("would keep {reason}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Pruned {
    /// The removed resources, one per line: ``container `demo-control-plane-0` ``.
    pub removed: Vec<String>,
    /// Resources that seem orphaned but are kept, and the reason.
    pub kept: Vec<String>,
    /// Resources that could not be removed, and the error.
    pub errors: Vec<String>,
}

/// An error of the search for orphaned resources: the records of clusters, or the resources in Podman,
/// cannot be listed.
///
/// ```no_run
/// use kipod_engine::{Engine, Error, Hint, PruneError};
///
/// async fn prune(engine: &Engine) -> Result<(), Error> {
///     match engine.prune(false).await {
///         Err(Error::Prune(error @ PruneError::Podman(_))) => {
///             eprintln!("nothing was removed: {error}; {}", error.hint().unwrap_or_default());
///             Ok(())
///         }
///         pruned => pruned.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The records cannot be listed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Podman cannot list its resources.
    #[error("failed to list Podman resources of clusters and registries")]
    Podman(#[from] PodmanError),
}

impl Hint for PruneError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Record(error) => error.hint(),
            Self::Podman(error) => error.hint(),
        }
    }
}

/// The state of one prune.
struct Prune<'a> {
    podman: &'a dyn Podman,
    dirs: &'a Dirs,
    dry_run: bool,
    done: Pruned,
}

/// Removes orphaned resources. With `dry_run`, only lists them. Resources that another process starts to
/// use meanwhile are kept.
///
/// # Errors
///
/// If the existing resources cannot be listed. Failed removals are in [`Pruned::errors`].
pub async fn prune(podman: &dyn Podman, dirs: &Dirs, dry_run: bool) -> Result<Pruned, PruneError> {
    let mut prune = Prune { podman, dirs, dry_run, done: Pruned::default() };
    prune.name_locks();
    prune.loads().await;
    prune.test_clusters().await;
    prune.incomplete_clusters().await?;
    prune.registries().await?;
    prune.image_stores().await;
    Ok(prune.done)
}

impl Prune<'_> {
    fn removed(&mut self, what: impl IntoIterator<Item = String>) {
        self.done.removed.extend(what);
    }

    fn error(&mut self, error: &dyn Error) {
        self.done.errors.push(error_chain(error));
    }
}
