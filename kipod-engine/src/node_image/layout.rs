//! The directories of image stores.

use std::path::{Path, PathBuf};

use crate::podman::StorageDriver;

/// The name of the lock file in the directory of all image stores. A build and a prune hold the lock.
pub(super) const LOCK: &str = "lock";

/// Returns the directory of all image stores.
pub(super) fn stores_dir(data: &Path) -> PathBuf {
    data.join("stores")
}

/// Returns the directory of the image store `name`. Each storage driver has its own, since it cannot read
/// the store of another driver.
pub(super) fn store_dir(data: &Path, name: &str, driver: StorageDriver) -> PathBuf {
    // The label of an image is untrusted: the path must stay in the directory.
    let name = name.replace(['/', '\0'], "-");
    let suffix = if driver == StorageDriver::Overlay { "" } else { ".vfs" };
    stores_dir(data).join(format!("{}{suffix}", name.trim_start_matches('.')))
}

/// Returns whether the directory is an image store of the driver, and not empty.
pub(super) fn is_store(dir: &Path, driver: StorageDriver) -> bool {
    images_file(dir, driver).exists()
}

/// Returns the path of the store's list of images.
pub(super) fn images_file(store: &Path, driver: StorageDriver) -> PathBuf {
    store.join(format!("{}-images/images.json", driver.name()))
}
