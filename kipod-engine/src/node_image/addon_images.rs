//! The images of what a cluster has beside the control plane, which an image store may have.

use std::path::Path;

use kipod_images::versions;

use crate::node::StorageDriver;

/// The images of the default StorageClass.
pub(super) const STORAGE: &[&str] = &[versions::LOCAL_PATH_PROVISIONER, versions::BUSYBOX];
/// The images of metrics.
pub(super) const METRICS: &[&str] = &[versions::METRICS_SERVER];

/// Whether an image store has all of `images`.
pub(super) fn are_in(store: &Path, driver: StorageDriver, images: &[&str]) -> bool {
    #[derive(serde::Deserialize)]
    struct Entry {
        #[serde(default)]
        names: Vec<String>,
    }
    let list = store.join(format!("{}-images/images.json", driver.name()));
    let entries: Vec<Entry> = std::fs::read(list)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    images.iter().all(|image| entries.iter().any(|entry| entry.names.iter().any(|n| n == image)))
}
