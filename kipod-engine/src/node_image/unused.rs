//! Image stores that no node image and no node uses.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::info::label;
use super::layout::{LOCK, store_dir, stores_dir};
use crate::lease::{LeaseError, Lock};
use crate::podman::{Podman, PodmanError, StorageDriver};
use crate::util::labels::CLUSTER;

/// An error of the search for unused image stores.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnusedError {
    /// The stores cannot be locked or listed.
    #[error("failed to list image stores")]
    Files(#[from] LeaseError),
    /// Podman failed.
    #[error("failed to list the image stores in use")]
    Podman(#[from] PodmanError),
}

/// Returns the unused stores, and the lock that prevents the creation of stores and of references to them
/// meanwhile. `None` while a node image is being built.
///
/// A store is in use if a node image with a name refers to it, or a node mounts it. An image without a name
/// is the result of an earlier build, which no new cluster uses.
pub(crate) async fn unused_stores(
    podman: &dyn Podman,
    data: &Path,
) -> Result<Option<(Lock, Vec<PathBuf>)>, UnusedError> {
    let stores_dir = stores_dir(data);
    let lock = stores_dir.join(LOCK);
    if !lock.exists() {
        return Ok(None);
    }
    let Some(lock) = Lock::try_exclusive(&lock)? else { return Ok(None) };
    let mut used: BTreeSet<PathBuf> = BTreeSet::new();
    for image in podman.images(label::IMAGE_STORE).await? {
        let store = image.labels.get(label::IMAGE_STORE).filter(|_| !image.names.is_empty());
        let drivers = [StorageDriver::Overlay, StorageDriver::Vfs];
        used.extend(
            store.into_iter().flat_map(|name| drivers.map(|driver| store_dir(data, name, driver))),
        );
    }
    for container in podman.containers(CLUSTER).await? {
        let details = podman.inspect_container(&container.name).await?;
        // Either the store itself is mounted, or a directory in it.
        let mounts = details.mounts.iter();
        let stores = mounts.filter_map(|mount| mount.source.strip_prefix(&stores_dir).ok());
        used.extend(stores.filter_map(|rest| Some(stores_dir.join(rest.components().next()?))));
    }
    let entries = match std::fs::read_dir(&stores_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LeaseError { path: stores_dir, source }.into()),
    };
    let mut unused: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name() != LOCK)
        .map(|entry| entry.path())
        .filter(|path| !used.contains(path))
        .collect();
    unused.sort();
    Ok(Some((lock, unused)))
}
