//! The images of add-ons in an image store.

use std::path::Path;

use kipod_images::versions;

use super::layout::images_file;
use crate::podman::StorageDriver;
use crate::util::bounded::{self, TEXT_LIMIT};

/// The images of the default StorageClass.
pub(super) const STORAGE: &[&str] = &[versions::LOCAL_PATH_PROVISIONER, versions::BUSYBOX];
/// The images of metrics-server.
pub(super) const METRICS: &[&str] = &[versions::METRICS_SERVER];

/// An image in an image store.
#[derive(serde::Deserialize)]
struct Entry {
    #[serde(default)]
    id: String,
    #[serde(default)]
    names: Vec<String>,
}

/// Returns whether an image store contains all of `images`.
pub(super) fn are_in(store: &Path, driver: StorageDriver, images: &[&str]) -> bool {
    let entries = entries(store, driver);
    images.iter().all(|image| entries.iter().any(|entry| entry.names.iter().any(|n| n == image)))
}

/// Returns the name and the id of each image in an image store.
pub(crate) fn names_and_ids(store: &Path, driver: StorageDriver) -> Vec<(String, String)> {
    let pairs = |Entry { id, names }: Entry| names.into_iter().map(move |name| (name, id.clone()));
    entries(store, driver).into_iter().flat_map(pairs).collect()
}

fn entries(store: &Path, driver: StorageDriver) -> Vec<Entry> {
    bounded::read(&images_file(store, driver), TEXT_LIMIT)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}
