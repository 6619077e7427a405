//! Why a test could not begin.

use std::time::Duration;

use kipod_engine::lease::LeaseError;

use crate::apply::ApplyError;
use crate::source::SourceError;
use crate::wait::WaitError;

/// An error of any kind, as fixtures and arguments return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a test could not begin. Its body did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// The environment says things that mean nothing.
    #[error("{}", .0.join("\n"))]
    Settings(Vec<String>),
    /// The source of clusters refused.
    #[error("cluster `{name}`: {source}")]
    Source { name: String, source: SourceError },
    /// A file of the harness cannot be used.
    #[error(transparent)]
    File(#[from] LeaseError),
    /// A cluster of another kind has the name, and is in use or not the harness's to replace.
    #[error("cluster `{name}` {found}, the test wants {wanted}, and {why}")]
    Mismatch { name: String, found: String, wanted: String, why: &'static str },
    /// The configuration file of a test cannot be used.
    #[error("the test's `config = {file:?}`: {fault}")]
    Config { file: String, fault: String },
    /// The one cluster there is belongs to others, and the test wants one of its own.
    #[error(
        "the test wants a cluster of its own (`exclusive`), and `KIPOD_KUBECONFIG` names one of somebody else"
    )]
    NotOurs,
    /// A cluster that is there does not answer.
    #[error("cluster `{name}` does not answer after {:.1} s ({last}), and {why}", .waited.as_secs_f32())]
    Unhealthy { name: String, waited: Duration, last: String, why: &'static str },
    /// No client can be made for a cluster.
    #[error("cluster `{name}`: cannot use its kubeconfig: {source}")]
    Kubeconfig { name: String, source: BoxError },
    /// A namespace could not be created, listed or deleted.
    #[error("namespace `{name}`: {source}")]
    Namespace { name: String, source: Box<kube::Error> },
    /// The namespace is not fit for pods.
    #[error("the test's namespace: {0}")]
    Account(WaitError),
    /// Manifests or fixtures could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Images the test needs are not there.
    #[error("the test needs images that are not there:{}", lines(.missing))]
    Images { missing: Vec<String> },
    /// The nodes do not say which images they have.
    #[error("cannot see which images the cluster has: {source}")]
    ImageList { source: BoxError },
    /// The process that cleans up could not be started.
    #[error("cannot start the process that cleans up after this run: {0}")]
    Reaper(String),
    /// The test's runtime could not be built.
    #[error("cannot build the test's runtime: {0}")]
    Runtime(std::io::Error),
    /// An argument could not be made.
    #[error("cannot make argument `{argument}`: {}", chain(.source.as_ref()))]
    Argument { argument: &'static str, source: BoxError },
    /// The harness's own thread is gone.
    #[error("the harness's own thread has ended")]
    Helper,
}

impl SetupError {
    /// What the user can do about it, where there is something.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Source { source, .. } => source.hint.clone(),
            Self::Mismatch { .. } => {
                Some("give the test another `cluster` name, or wait and delete that one".to_owned())
            }
            Self::Unhealthy { name, .. } => {
                Some(format!("look at it, or delete it: `kipod delete cluster {name}`"))
            }
            Self::NotOurs => Some(
                "run it without `KIPOD_KUBECONFIG`; with `KIPOD_SKIP_IF_UNAVAILABLE=1` such tests are skipped"
                    .to_owned(),
            ),
            Self::Images { .. } => Some(
                "build them with `podman build`: nodes see what is in your own Podman store".to_owned(),
            ),
            Self::Reaper(_) => Some(
                "kipod runs the test binary again for that, with `TEST --exact --include-ignored`; \
                 it needs the standard test harness"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Whether this machine cannot have clusters at all.
    pub(crate) fn is_unavailable(&self) -> bool {
        match self {
            Self::Source { source, .. } => source.unavailable,
            Self::NotOurs => true,
            _ => false,
        }
    }
}

fn lines(items: &[String]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}

/// An error with its causes, each once.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}
