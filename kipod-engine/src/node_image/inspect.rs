//! The node image in the user's store, as its labels describe it.

use crate::util::platform::architecture;
use std::path::{Path, PathBuf};

use super::addon_images::{self, METRICS, STORAGE};
use super::reference;
use crate::kubernetes::{Version, VersionError};
use crate::node::StorageDriver;
use crate::podman::{ImageInfo, Podman, PodmanError};
use crate::util::Hint;

/// The reference of the node image that is used when none is named.
pub const DEFAULT_IMAGE: &str = "localhost/kipod-node:latest";

/// The labels that a node image carries.
pub mod label {
    /// The Kubernetes version of the programs inside, as `v1.36.2`.
    pub const KUBERNETES_VERSION: &str = "io.kipod.kubernetes-version";
    /// The pause image that this Kubernetes version names.
    pub const PAUSE_IMAGE: &str = "io.kipod.pause-image";
    /// The revision of kipod's own files inside: [`kipod_images::REVISION`].
    pub const REVISION: &str = "io.kipod.revision";
    /// The name of the image store that holds the control plane's images.
    pub const IMAGE_STORE: &str = "io.kipod.image-store";
}

/// A node image that is ready to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeImage {
    /// The reference it was asked for by.
    pub reference: String,
    /// Its id.
    pub id: String,
    /// The Kubernetes version inside, as `v1.36.2`.
    pub kubernetes_version: Version,
    /// The pause image.
    pub pause_image: String,
    /// The folder of the shared image store.
    pub image_store: PathBuf,
    /// Whether that store has the images of the default StorageClass.
    pub has_storage: bool,
    /// Whether it has the image of metrics-server.
    pub has_metrics: bool,
}

/// A node image that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NodeImageError {
    /// The user's store has no such image.
    #[error("there is no node image `{reference}`")]
    Missing {
        /// The reference.
        reference: String,
    },
    /// There is such an image, but kipod did not build it.
    #[error("image `{reference}` is no node image of kipod: it has no label `{label}`")]
    NotOurs {
        /// The reference.
        reference: String,
        /// The first label it lacks.
        label: &'static str,
    },
    /// Another version of kipod built it, and this one would wait for what its nodes do not do.
    #[error("node image `{reference}` was built by another version of kipod")]
    OtherRevision {
        /// The reference.
        reference: String,
    },
    /// Its Kubernetes is not one that kipod makes nodes of.
    #[error("node image `{reference}`: {source}")]
    Version {
        /// The reference.
        reference: String,
        /// Why.
        source: VersionError,
    },
    /// It is for machines of another kind.
    #[error("node image `{reference}` is for {found}, and this machine is {machine}")]
    Architecture {
        /// The reference.
        reference: String,
        /// Its architecture, in Go's word: `arm64`.
        found: String,
        /// The machine's.
        machine: &'static str,
    },
    /// The image is there, but the store with the control plane's images is not.
    #[error("the image store `{}` of node image `{reference}` is missing", .store.display())]
    NoStore {
        /// The reference.
        reference: String,
        /// Where the store should be.
        store: PathBuf,
    },
    /// Podman did not answer.
    #[error("cannot look up node image `{reference}`: {source}")]
    Podman {
        /// The reference.
        reference: String,
        /// Why.
        source: PodmanError,
    },
}

impl NodeImageError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let build = |more: &str| Some(format!("run `kipod build node-image{more}`"));
        match self {
            Self::Missing { reference }
            | Self::NoStore { reference, .. }
            | Self::Architecture { reference, .. }
            | Self::OtherRevision { reference } => match reference::of_reference(reference) {
                Some(version) => build(&format!(" --k8s-version {version}")),
                None => build(""),
            },
            Self::Version { .. } => build(" --k8s-version VERSION"),
            Self::NotOurs { .. } => {
                Some("build one with `kipod build node-image --image-name NAME`".to_owned())
            }
            Self::Podman { source, .. } => source.hint(),
        }
    }
}

/// Looks up a node image and the image store that goes with it, below the folder `data` and made
/// with `driver`.
///
/// # Errors
///
/// When there is no such image, when it is not one of this kipod's, when its Kubernetes is not
/// supported, or when its image store is gone.
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
    let found = found.ok_or_else(|| NodeImageError::Missing { reference: name() })?;
    // One that does not say what it is for may be for anything.
    let machine = architecture();
    if let Some(platform) = found.platform.as_ref().filter(|it| it.architecture != machine) {
        let found = platform.architecture.clone();
        return Err(NodeImageError::Architecture { reference: name(), found, machine });
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
            .ok_or(NodeImageError::NotOurs { reference: reference.to_owned(), label })
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

/// The name of the file, among the stores, that is locked by whoever makes or removes one.
pub(crate) const LOCK: &str = "lock";

/// The folder of all image stores.
pub(crate) fn stores_dir(data: &Path) -> PathBuf {
    data.join("stores")
}

/// The folder of the image store called `name`. A store can be read with the driver it was made with
/// only, so each driver has its own.
pub(crate) fn store_dir(data: &Path, name: &str, driver: StorageDriver) -> PathBuf {
    // A label is somebody's text: it must not lead out of the folder.
    let name = name.replace(['/', '\0'], "-");
    let end = if driver == StorageDriver::Overlay { "" } else { ".vfs" };
    stores_dir(data).join(format!("{}{end}", name.trim_start_matches('.')))
}

/// Whether the folder is an image store: an empty one, or another driver's, is none.
pub(crate) fn is_store(folder: &Path, driver: StorageDriver) -> bool {
    folder.join(format!("{}-images/images.json", driver.name())).exists()
}
