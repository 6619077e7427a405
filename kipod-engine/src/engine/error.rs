//! The error of the front door.

use crate::actions::{ChangeError, CreateError, ImagesError};
#[cfg(feature = "build")]
use crate::bundle::BundleError;
use crate::cluster::{
    ExportError, InternalKubeconfigError, LogsError, OpenError, RecordError, RemoveError,
};
use crate::gc::PruneError;
use crate::host::Unusable;
use crate::kubeconfig::KubeconfigError;
use crate::kubeconfig::client::ClientError;
use crate::kubernetes::VersionError;
#[cfg(feature = "build")]
use crate::node_image::BuildError;
use crate::node_image::NodeImageError;
use crate::podman::PodmanError;
use crate::registry::RegistryError;
use crate::util::Hint;
use crate::util::dirs::DirsError;
use crate::util::timeout_factor::TimeoutFactorError;

/// An error of an operation of an [`Engine`](crate::Engine) or [`Cluster`](crate::Cluster).
///
/// The message is about the operation, [`source`](std::error::Error::source) is the cause, and
/// [`Hint::hint`] is what a user can do.
///
/// ```no_run
/// use kipod_engine::{Error, Hint};
///
/// /// Prints an error with its causes and its remedy.
/// fn report(error: &Error) {
///     eprintln!("error: {error}");
///     let mut cause = std::error::Error::source(error);
///     while let Some(error) = cause {
///         eprintln!("caused by: {error}");
///         cause = error.source();
///     }
///     if let Some(hint) = error.hint() {
///         eprintln!("hint: {hint}");
///     }
/// }
/// # async fn example() {
/// # if let Err(error) = kipod_engine::Engine::connect().await { report(&error) }
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The environment names no directory for kipod's files.
    #[error(transparent)]
    Dirs(#[from] DirsError),
    /// `KIPOD_TIMEOUT_FACTOR` is not a factor.
    #[error(transparent)]
    TimeoutFactor(#[from] TimeoutFactorError),
    /// Podman is not available, or refused a request.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// The host cannot run clusters.
    #[error(transparent)]
    Host(#[from] Unusable),
    /// The Kubernetes version is not supported.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The node image is missing or unusable.
    #[error(transparent)]
    NodeImage(#[from] NodeImageError),
    /// The node image could not be built.
    #[cfg(feature = "build")]
    #[error(transparent)]
    BuildNodeImage(#[from] BuildError),
    /// The component bundle is unusable.
    #[cfg(feature = "build")]
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Two options exclude each other.
    #[error("{0}")]
    Conflict(String),
    /// The cluster could not be created. What was created is removed.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A cluster or one of its nodes could not be changed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The cluster does not exist, or is not complete.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The record of a cluster cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// No client could be created: the kubeconfig is invalid.
    #[error(transparent)]
    Client(
        #[from]
        #[doc(hidden)]
        ClientError,
    ),
    /// The cluster could not be deleted completely.
    #[error(transparent)]
    Delete(#[from] RemoveError),
    /// The cluster could not be added to a kubeconfig.
    #[error(transparent)]
    ExportKubeconfig(#[from] ExportError),
    /// The kubeconfig for other containers cannot be written.
    #[error(transparent)]
    InternalKubeconfig(#[from] InternalKubeconfigError),
    /// The user's kubeconfig cannot be used.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The logs could not be written.
    #[error(transparent)]
    ExportLogs(#[from] LogsError),
    /// The registry could not be created or deleted.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Orphaned resources could not be listed.
    #[error(transparent)]
    Prune(#[from] PruneError),
}

impl Error {
    /// Returns whether the operation ended because its [`CancellationToken`](crate::CancellationToken)
    /// was cancelled.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Create(CreateError::Cancelled { .. })
            | Self::Change(
                ChangeError::NotReady(CreateError::Cancelled { .. })
                | ChangeError::Images(ImagesError::Cancelled { .. }),
            )
            | Self::Registry(RegistryError::Cancelled { .. }) => true,
            #[cfg(feature = "build")]
            Self::BuildNodeImage(BuildError::Cancelled) => true,
            _ => false,
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Dirs(error) => error.hint(),
            Self::Podman(error) => error.hint(),
            Self::Host(error) => error.hint(),
            Self::NodeImage(error) => error.hint(),
            #[cfg(feature = "build")]
            Self::BuildNodeImage(error) => error.hint(),
            #[cfg(feature = "build")]
            Self::Bundle(error) => error.hint(),
            Self::Create(error) => error.hint(),
            Self::Change(error) => error.hint(),
            Self::Open(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Delete(error) => error.hint(),
            Self::ExportKubeconfig(error) => error.hint(),
            Self::InternalKubeconfig(error) => error.hint(),
            Self::Kubeconfig(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Prune(error) => error.hint(),
            Self::TimeoutFactor(_)
            | Self::Version(_)
            | Self::Conflict(_)
            | Self::Client(_)
            | Self::ExportLogs(_) => None,
        }
    }
}
