//! Node images: their data and their labels.

use std::path::PathBuf;

use crate::kubernetes::Version;

/// The reference of the default node image.
pub const DEFAULT_IMAGE: &str = "localhost/kipod-node:latest";

/// The labels of a node image.
pub mod label {
    /// The Kubernetes version of its programs, such as `v1.36.2`.
    pub const KUBERNETES_VERSION: &str = "io.kipod.kubernetes-version";
    /// The pause image of this Kubernetes version.
    pub const PAUSE_IMAGE: &str = "io.kipod.pause-image";
    /// The revision of kipod's own files in the image: [`kipod_images::REVISION`].
    pub const REVISION: &str = "io.kipod.revision";
    /// The name of the image store with the images of the control plane.
    pub const IMAGE_STORE: &str = "io.kipod.image-store";
}

/// A node image that is ready for use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeImage {
    /// The requested reference.
    pub reference: String,
    /// Its id.
    pub id: String,
    /// Its Kubernetes version.
    pub kubernetes_version: Version,
    /// The reference of the pause image.
    pub pause_image: String,
    /// The directory of the shared image store.
    pub image_store: PathBuf,
    /// `true` if the store has the images of the default StorageClass.
    pub has_storage: bool,
    /// `true` if the store has the image of metrics-server.
    pub has_metrics: bool,
}
