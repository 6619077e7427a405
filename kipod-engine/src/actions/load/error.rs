//! Errors while loading images.

use crate::podman::{Archive, PodmanError};
use crate::spec::ClusterName;
use crate::util::Hint;
use crate::util::text::indent_list;

/// An error of the loading of images into a cluster.
///
/// ```no_run
/// use kipod_engine::{ChangeError, Cluster, Error, ImagesError};
///
/// async fn load(cluster: &Cluster, image: &str) -> Result<(), Error> {
///     match cluster.load_image(image).await {
///         Err(Error::Change(ChangeError::Images(ImagesError::NotVisible { errors, .. }))) => {
///             errors.iter().for_each(|error| eprintln!("warning: {error}"));
///             Ok(())
///         }
///         loaded => loaded.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImagesError {
    /// Requested images or nodes do not exist, or do not match. No image was loaded.
    #[error("no image was loaded:{}", indent_list(.errors))]
    Invalid {
        /// An error for each image or node.
        errors: Vec<String>,
    },
    /// The cluster has no image store.
    #[error("cluster `{cluster}` has no image store: it was created by an older version of kipod")]
    NoStore {
        /// The cluster.
        cluster: ClusterName,
    },
    /// The archive cannot be read. No image was loaded.
    #[error("cannot read the images of {archive}")]
    Archive {
        /// The archive.
        #[doc(hidden)]
        archive: Archive,
        /// The cause.
        source: Box<PodmanError>,
    },
    /// Podman cannot inspect an image. No image was loaded.
    #[error("cannot inspect image `{image}`")]
    Inspect {
        /// The image, or the image of the node whose platform was queried.
        image: String,
        /// The cause.
        source: Box<PodmanError>,
    },
    /// An image could not be copied.
    #[error("cannot load `{image}`{}", already(.loaded))]
    Copy {
        /// The image.
        image: String,
        /// Images that were loaded before. They stay loaded.
        loaded: Vec<String>,
        /// The cause.
        source: Box<PodmanError>,
    },
    /// A node cannot list its images.
    #[error("cannot query node `{node}` for image `{image}`: {reason}")]
    Query {
        /// The node.
        node: String,
        /// The image.
        image: String,
        /// The error that the node reported.
        reason: String,
    },
    /// A node does not see a loaded image.
    #[error("images were loaded, but not all nodes see them:{}", indent_list(.errors))]
    NotVisible {
        /// An error for each node and image.
        errors: Vec<String>,
        /// `true` if a node has no image of a name.
        absent: bool,
        /// `true` if a node has another image of a name.
        other: bool,
    },
    /// The operation was cancelled.
    #[error("loading images into cluster `{cluster}` was interrupted")]
    Cancelled {
        /// The cluster.
        cluster: ClusterName,
    },
    /// The staging directory could not be created. No image was loaded.
    #[error("cannot create a directory to unpack the archive in")]
    Staging {
        /// The cause.
        source: std::io::Error,
    },
    /// The lock of the image store cannot be used.
    #[error(transparent)]
    Lock(
        #[from]
        #[doc(hidden)]
        crate::lease::LeaseError,
    ),
}

impl Hint for ImagesError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoStore { cluster } => {
                Some(format!("delete it (`kipod delete cluster {cluster}`) and create it again"))
            }
            Self::NotVisible { absent, other, .. } => {
                let hints = [
                    (
                        absent,
                        "a node that does not see loaded images was created by an older version of kipod: delete the cluster and create it again",
                    ),
                    (
                        other,
                        "a node prefers images that it pulled: `kipod exec --node NODE crictl rmi IMAGE` removes them",
                    ),
                ];
                let hints: Vec<_> =
                    hints.iter().filter(|(applies, _)| **applies).map(|(_, hint)| *hint).collect();
                Some(hints.join("\n"))
            }
            Self::Archive { source, .. }
            | Self::Inspect { source, .. }
            | Self::Copy { source, .. } => source.hint(),
            Self::Invalid { .. }
            | Self::Query { .. }
            | Self::Lock(_)
            | Self::Cancelled { .. }
            | Self::Staging { .. } => None,
        }
    }
}

fn already(loaded: &[String]) -> String {
    match loaded {
        [] => String::new(),
        names => format!(" (already loaded: {})", names.join(", ")),
    }
}
