//! Image stores that no node image and no node needs.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::inspect::{LOCK, store_dir, stores_dir};
use super::label;
use crate::lease::{LeaseError, Lock};
use crate::node::StorageDriver;
use crate::podman::{Podman, PodmanError};
use crate::util::labels::CLUSTER;

/// It cannot be found out which image stores are needed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnusedError {
    /// The stores cannot be locked or listed.
    #[error("image stores: {0}")]
    Files(#[from] LeaseError),
    /// Podman did not answer.
    #[error("cannot see which image stores are needed: {0}")]
    Podman(#[from] PodmanError),
}

/// Unused stores, and the lock that keeps others from making or naming one; without the lock nobody
/// may say what is unused. `None` where a node image is being built.
///
/// A store is needed by every node image that has a name and by every node that has it mounted. An image
/// without a name is what an earlier build was: no cluster is made of it again.
pub(crate) async fn unused_stores(
    podman: &dyn Podman,
    data: &Path,
) -> Result<Option<(Lock, Vec<PathBuf>)>, UnusedError> {
    let folder = stores_dir(data);
    let lock = folder.join(LOCK);
    if !lock.exists() {
        return Ok(None);
    }
    let Some(lock) = Lock::try_exclusive(&lock)? else { return Ok(None) };
    let mut needed: BTreeSet<PathBuf> = BTreeSet::new();
    for image in podman.images(label::IMAGE_STORE).await? {
        let store = image.labels.get(label::IMAGE_STORE).filter(|_| !image.names.is_empty());
        let drivers = [StorageDriver::Overlay, StorageDriver::Vfs];
        needed.extend(
            store.into_iter().flat_map(|name| drivers.map(|driver| store_dir(data, name, driver))),
        );
    }
    for container in podman.containers(CLUSTER).await? {
        let details = podman.inspect_container(&container.name).await?;
        // Either the store itself is mounted, or a directory in it.
        let mounts = details.mounts.iter();
        let stores = mounts.filter_map(|mount| mount.source.strip_prefix(&folder).ok());
        needed.extend(stores.filter_map(|rest| Some(folder.join(rest.components().next()?))));
    }
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LeaseError { path: folder, source }.into()),
    };
    let mut unused: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name() != LOCK)
        .map(|entry| entry.path())
        .filter(|path| !needed.contains(path))
        .collect();
    unused.sort();
    Ok(Some((lock, unused)))
}
