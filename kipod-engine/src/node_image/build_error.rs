//! Errors of a node image build.

use std::path::PathBuf;

use super::files::FileError;
use super::store::StoreError;
use crate::bundle::BundleError;
use crate::kubernetes::{Version, VersionError};
use crate::podman::{CommandError, PodmanError};
use crate::util::Hint;

/// An error of a node image build. Incomplete results are removed.
///
/// ```no_run
/// use kipod_engine::{BuildError, BuildNodeImage, Engine, Error};
///
/// async fn build(engine: &Engine) -> Result<(), Error> {
///     match engine.build_node_image(&BuildNodeImage::default()).await {
///         Err(Error::BuildNodeImage(BuildError::OtherVersion { found, requested, .. })) => {
///             println!("the component bundle has Kubernetes {found}, not {requested}");
///             Ok(())
///         }
///         built => built.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The Kubernetes version of the bundle is not supported.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The bundle has another Kubernetes version than the requested one.
    #[error("component bundle `{}` has Kubernetes {found}, not {requested}", .dir.display())]
    OtherVersion {
        /// The bundle's directory.
        dir: PathBuf,
        /// The version of the bundle.
        found: Box<Version>,
        /// The requested version.
        requested: Box<Version>,
    },
    /// The kubeadm of the bundle does not run on this host.
    #[error("the kubeadm of the bundle does not run on this host")]
    Kubeadm(
        #[source]
        #[doc(hidden)]
        CommandError,
    ),
    /// The build context could not be prepared.
    #[error("failed to prepare `{}` for the build", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The base image could not be imported.
    #[error("failed to import the base image `{reference}`")]
    Base {
        /// Its reference.
        reference: String,
        /// The cause.
        source: PodmanError,
    },
    /// The build failed.
    #[error("failed to build `{reference}`")]
    Build {
        /// The image's reference.
        reference: String,
        /// The cause.
        source: PodmanError,
    },
    /// The programs of the bundle do not work together.
    #[error(
        "the crun of component bundle `{}` cannot run a container as its CRI-O configures it", .dir.display()
    )]
    Runtime {
        /// The bundle's directory.
        dir: PathBuf,
        /// The output of crun.
        source: PodmanError,
    },
    /// The image store could not be filled.
    #[error(transparent)]
    Store(
        #[from]
        #[doc(hidden)]
        StoreError,
    ),
    /// The build was cancelled.
    #[error("the build was interrupted")]
    Cancelled,
}

impl From<FileError> for BuildError {
    fn from(FileError { path, source }: FileError) -> Self {
        Self::Io { path, source }
    }
}

impl Hint for BuildError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Bundle(error) => error.hint(),
            Self::OtherVersion { requested, .. } => Some(format!(
                "omit `--components`, and unset `KIPOD_COMPONENTS`: then kipod uses an installed bundle of {requested}, or downloads one"
            )),
            Self::Kubeadm(_) => {
                Some("the bundle must be for the architecture of this host".to_owned())
            }
            Self::Base { .. } => Some(
                "without access to the registry, use a local image with `--base-image`, or add a root file system `base.tar` to the bundle".to_owned(),
            ),
            Self::Runtime { .. } => {
                Some("replace `bin/crun` of the bundle by a release that is as new as its CRI-O".to_owned())
            }
            Self::Store(error) => error.hint(),
            Self::Version(_) | Self::Io { .. } | Self::Build { .. } | Self::Cancelled => None,
        }
    }
}
