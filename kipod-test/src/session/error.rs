//! Errors that prevent a test from running.

use std::time::Duration;

use kipod_engine::lease::LeaseError;

use crate::apply::ApplyError;
use crate::background::reaper::ReaperError;
use crate::background::thread::ThreadError;
use crate::cluster_request::Mismatch;
use crate::error::{BoxError, Error};
use crate::namespace::NamespaceError;
use crate::settings::SettingsError;

use crate::source::SourceError;
use crate::wait::WaitError;

/// An error before the body of a test.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// The environment or the package metadata is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The `config` file of the test cannot be used.
    #[error("cannot use `config = \"{file}\"`")]
    Config { file: String, source: BoxError },
    /// The test requires an exclusive cluster, but the cluster is external.
    #[error("an `exclusive` test cannot use the cluster of `KIPOD_KUBECONFIG`")]
    ExternalExclusive,
    /// The cluster could not be opened, created or deleted.
    #[error("failed to acquire cluster `{name}`")]
    Acquire { name: String, source: SourceError },
    /// The existing cluster is unusable, and must not be recreated.
    #[error("cannot use cluster `{name}` (not recreated: {kept})")]
    Unusable { name: String, kept: NotRecreated, source: Problem },
    /// No client could be created for the cluster.
    #[error("failed to connect to cluster `{name}`")]
    Connect { name: String, source: BoxError },
    /// A lock or state file cannot be used.
    #[error(transparent)]
    Files(#[from] LeaseError),
    /// The namespace could not be created.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The namespace is not ready for pods.
    #[error("the test's namespace has no default ServiceAccount")]
    ServiceAccount(#[source] WaitError),
    /// Manifests or fixtures could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Nodes lack images of the `images` option.
    #[error("missing images:{}", lines(.0))]
    MissingImages(Vec<String>),
    /// The images of the nodes cannot be listed.
    #[error("failed to check the test's images")]
    ListImages(#[source] Error),
    /// The reaper could not be started.
    #[error(transparent)]
    Reaper(#[from] ReaperError),
    /// The background thread failed.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// The test's runtime could not be created.
    #[error("failed to create the test's tokio runtime")]
    Runtime(#[source] std::io::Error),
    /// An argument of the test could not be created.
    #[error("failed to create argument `{argument}`")]
    Argument { argument: &'static str, source: BoxError },
}

/// The problem of an existing cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// It does not meet the test's requirements.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// Its API server is not ready.
    #[error("its API server did not become ready within {:.1}s", .waited.as_secs_f32())]
    Unhealthy { waited: Duration, source: BoxError },
}

/// The reason why an unusable cluster is not recreated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotRecreated {
    /// Other tests are using it.
    #[error("other tests are using it")]
    InUse,
    /// The user created it.
    #[error("no test created it")]
    NotOurs,
}

impl SetupError {
    /// Returns a hint for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Acquire { source, .. } => source.hint()?,
            Self::Unusable { source: Problem::Mismatch(_), .. } => {
                "set another `cluster` for the test, or delete the existing cluster"
            }
            Self::Unusable { name, .. } => {
                return Some(format!(
                    "inspect the cluster, or delete it: `kipod delete cluster {name}`"
                ));
            }
            Self::ExternalExclusive => {
                "unset `KIPOD_KUBECONFIG`, or skip such tests with `KIPOD_SKIP_IF_UNAVAILABLE=1`"
            }
            Self::MissingImages(_) => {
                "build them with `podman build`: nodes see the images in your Podman store"
            }
            Self::Reaper(error) => error.hint()?,
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns whether the test cannot run on this host, as opposed to a failure.
    pub(crate) fn is_unavailable(&self) -> bool {
        match self {
            Self::Acquire { source, .. } => source.is_unavailable(),
            Self::ExternalExclusive => true,
            _ => false,
        }
    }

    /// Returns whether the contents of the cluster may explain the error.
    pub(crate) fn needs_diagnostics(&self) -> bool {
        matches!(self, Self::ServiceAccount(_) | Self::Apply(_))
    }
}

fn lines(items: &[String]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}
