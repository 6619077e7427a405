//! The lookup of a node image in the user's store.

use std::path::Path;

use super::addon_images::{self, METRICS, STORAGE};
use super::error::NodeImageError;
use super::info::{NodeImage, label};
use super::layout::{is_store, store_dir};
use crate::podman::{ImageInfo, Podman, StorageDriver};
use crate::util::platform::architecture;

/// Looks up a node image and its image store, below the directory `data` and for the storage driver
/// `driver`.
///
/// # Errors
///
/// When the image or its store does not exist, it was not built by this version of kipod, or its
/// Kubernetes version is not supported.
pub async fn node_image(
    podman: &dyn Podman,
    reference: &str,
    data: &Path,
    driver: StorageDriver,
) -> Result<NodeImage, NodeImageError> {
    let name = || reference.to_owned();
    let found = podman
        .image(reference)
        .await
        .map_err(|source| NodeImageError::Podman { reference: name(), source })?;
    let found = found.ok_or_else(|| NodeImageError::NotFound { reference: name() })?;
    // An image without a platform may be for any.
    let host = architecture();
    if let Some(platform) = found.platform.as_ref().filter(|it| it.architecture != host) {
        let found = platform.architecture.clone();
        return Err(NodeImageError::Architecture { reference: name(), found, host });
    }
    let image = from_labels(reference, &found, data, driver)?;
    if found.labels.get(label::REVISION).map(String::as_str) != Some(kipod_images::REVISION) {
        return Err(NodeImageError::OtherRevision { reference: name() });
    }
    image
        .kubernetes_version
        .check_supported()
        .map_err(|source| NodeImageError::Version { reference: name(), source })?;
    if !is_store(&image.image_store, driver) {
        return Err(NodeImageError::NoStore { reference: name(), store: image.image_store });
    }
    Ok(image)
}

/// Reads the labels of an image.
fn from_labels(
    reference: &str,
    found: &ImageInfo,
    data: &Path,
    driver: StorageDriver,
) -> Result<NodeImage, NodeImageError> {
    let label = |label: &'static str| {
        found
            .labels
            .get(label)
            .filter(|value| !value.is_empty())
            .cloned()
            .ok_or(NodeImageError::NotANodeImage { reference: reference.to_owned(), label })
    };
    let image_store = store_dir(data, &label(label::IMAGE_STORE)?, driver);
    Ok(NodeImage {
        has_storage: addon_images::are_in(&image_store, driver, STORAGE),
        has_metrics: addon_images::are_in(&image_store, driver, METRICS),
        reference: reference.to_owned(),
        id: found.id.clone(),
        kubernetes_version: label(label::KUBERNETES_VERSION)?.parse().map_err(|source| {
            NodeImageError::Version { reference: reference.to_owned(), source }
        })?,
        pause_image: label(label::PAUSE_IMAGE)?,
        image_store,
    })
}
