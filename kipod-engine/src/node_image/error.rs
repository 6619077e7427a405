//! Errors of the lookup of a node image.

use std::path::PathBuf;

use super::reference::version_of;
use crate::kubernetes::VersionError;
use crate::podman::PodmanError;
use crate::util::Hint;

/// An error of the lookup of a node image.
///
/// ```no_run
/// use kipod_engine::{ClusterSpec, Engine, Error, Hint, NodeImageError};
///
/// async fn create(engine: &Engine, spec: ClusterSpec) -> Result<(), Error> {
///     match engine.create(spec).await {
///         Err(Error::NodeImage(error @ NodeImageError::NotFound { .. })) => {
///             println!("{error}: {}", error.hint().unwrap_or_default());
///             Ok(())
///         }
///         created => created.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeImageError {
    /// The user's store does not have the image.
    #[error("node image `{reference}` not found")]
    NotFound {
        /// The reference.
        reference: String,
    },
    /// The image was not built by kipod.
    #[error("image `{reference}` is not a node image of kipod: label `{label}` is missing")]
    NotANodeImage {
        /// The reference.
        reference: String,
        /// The first missing label.
        label: &'static str,
    },
    /// The image was built by another version of kipod, whose nodes work differently.
    #[error("node image `{reference}` was built by another version of kipod")]
    OtherRevision {
        /// The reference.
        reference: String,
    },
    /// Its Kubernetes version is not supported.
    #[error("node image `{reference}` has an unsupported Kubernetes version")]
    Version {
        /// The reference.
        reference: String,
        /// The cause.
        source: VersionError,
    },
    /// It was built for another architecture.
    #[error("node image `{reference}` is for {found}, and this host is {host}")]
    Architecture {
        /// The reference.
        reference: String,
        /// Its architecture, as Go names it: `arm64`.
        found: String,
        /// The architecture of this host.
        host: &'static str,
    },
    /// The image store with the images of the control plane does not exist.
    #[error("image store `{}` of node image `{reference}` not found", .store.display())]
    NoStore {
        /// The reference.
        reference: String,
        /// The directory of the store.
        store: PathBuf,
    },
    /// Podman failed.
    #[error("failed to look up node image `{reference}`")]
    Podman {
        /// The reference.
        reference: String,
        /// The cause.
        source: PodmanError,
    },
}

impl Hint for NodeImageError {
    fn hint(&self) -> Option<String> {
        let build = |options: &str| Some(format!("run `kipod build node-image{options}`"));
        match self {
            Self::NotFound { reference }
            | Self::NoStore { reference, .. }
            | Self::Architecture { reference, .. }
            | Self::OtherRevision { reference } => match version_of(reference) {
                Some(version) => build(&format!(" --k8s-version {version}")),
                None => build(""),
            },
            Self::Version { .. } => build(" --k8s-version VERSION"),
            Self::NotANodeImage { .. } => {
                Some("build one with `kipod build node-image --image-name NAME`".to_owned())
            }
            Self::Podman { source, .. } => source.hint(),
        }
    }
}
