//! Errors of manifests and fixtures.

use std::path::PathBuf;

use kipod_engine::lease::LeaseError;

use crate::wait::WaitError;

/// Manifests or fixtures that could not be applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// A file or directory cannot be read.
    #[error("failed to read `{}`", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// A pattern matches no file.
    #[error("no file matches `{}`", .pattern.display())]
    NoMatch { pattern: PathBuf },
    /// A file does not contain Kubernetes objects.
    #[error("invalid manifest `{}`", .path.display())]
    Parse { path: PathBuf, source: Box<ParseError> },
    /// The API server refused an object.
    #[error("failed to apply {object}")]
    Refused { object: ObjectName, source: Box<kube::Error> },
    /// The `apiVersion` of an object is invalid.
    #[error("failed to apply {object}")]
    Type { object: ObjectName, source: kube::core::gvk::ParseGroupVersionError },
    /// The cluster has no such kind: neither Kubernetes nor a CustomResourceDefinition defines it.
    #[error("failed to apply {object}: the cluster has no kind `{}` of `{api_version}`", .object.kind)]
    UnknownKind { object: ObjectName, api_version: String },
    /// A fixture is not namespaced.
    #[error("{object} is cluster-scoped: move it from `fixtures` to `manifests`")]
    ClusterScoped { object: ObjectName },
    /// A fixture sets a namespace.
    #[error(
        "{object} sets `namespace: {namespace}`, but fixtures are applied to the test's namespace: remove the field"
    )]
    OtherNamespace { object: ObjectName, namespace: String },
    /// The state of the cluster's manifests cannot be read or written.
    #[error(transparent)]
    State(#[from] LeaseError),
    /// An applied object did not become ready.
    #[error(transparent)]
    NotReady(#[from] WaitError),
}

/// An object in a manifest, for messages.
#[derive(Debug, Clone)]
pub(crate) struct ObjectName {
    pub(crate) path: PathBuf,
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} `{}` of `{}`", self.kind, self.name, self.path.display())
    }
}

/// The text of a manifest that is not a list of Kubernetes objects.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParseError {
    #[error(transparent)]
    Yaml(#[from] serde_saphyr::Error),
    #[error(transparent)]
    Object(#[from] serde_json::Error),
    #[error("a `List` has no `items`")]
    NoItems,
    #[error("an object has no `apiVersion` or no `kind`")]
    NoType,
    #[error("an object has no `metadata.name`")]
    NoName,
}
