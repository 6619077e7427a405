//! Cluster sources: the interface between the harness and the code that creates clusters.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use kipod_engine::lease::Phase;

use crate::cluster_request::{ClusterRequest, ExistingCluster};
use crate::error::BoxError;

/// A boxed future with the result of a source's method.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, SourceError>> + Send + 'a>>;

/// Output of a command on a node, from [`Cluster::exec`](crate::Cluster::exec).
///
/// ```no_run
/// # mod tests {
/// #[kipod::test]
/// async fn node_has_a_default_route(cluster: kipod::Cluster) -> anyhow::Result<()> {
///     let node = cluster.nodes().await?.remove(0);
///     let output = cluster.exec(&node, &["ip", "route", "show", "default"]).await?;
///     assert_eq!(output.status, 0, "{}", output.stderr);
///     assert!(output.stdout.starts_with("default via "));
///     Ok(())
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeOutput {
    /// Exit status.
    pub status: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl NodeOutput {
    /// Creates the output of a command, for a cluster source.
    #[doc(hidden)]
    pub fn new(status: i64, stdout: impl Into<String>, stderr: impl Into<String>) -> Self {
        Self { status, stdout: stdout.into(), stderr: stderr.into() }
    }
}

/// An error of a cluster source. Its message and source are those of the wrapped error.
#[derive(Debug)]
pub struct SourceError {
    error: BoxError,
    hint: Option<String>,
    unavailable: bool,
}

impl SourceError {
    /// Wraps an error or a message.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self { error: error.into(), hint: None, unavailable: false }
    }

    /// Adds a hint for the user.
    pub fn with_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// Marks that this host cannot run clusters, so that a retry is useless.
    pub fn unavailable(mut self) -> Self {
        self.unavailable = true;
        self
    }

    /// Returns the hint for the user.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns whether this host cannot run clusters.
    pub fn is_unavailable(&self) -> bool {
        self.unavailable
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// An event during the creation of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgressEvent<'a> {
    /// A message for the user.
    Message(&'a str),
    /// The current step, for processes that wait for the cluster.
    Step(&'a str),
}

/// Receives the events of the creation of a cluster.
pub type Progress<'a> = &'a (dyn Fn(ProgressEvent<'_>) + Send + Sync);

/// Creates, opens and deletes clusters. The harness calls `create` and `delete` for one name from
/// one process at a time, and all other methods concurrently.
pub trait ClusterSource: Send + Sync {
    /// Returns the directory for leases and other files, the same for every process of the user.
    fn state_dir(&self) -> Result<PathBuf, SourceError>;
    /// Opens a cluster. Returns `None` if it does not exist or is incomplete.
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<ExistingCluster>>;
    /// Creates a cluster, and replaces what an interrupted attempt left behind. Its identity begins
    /// with `since`, the time in seconds since the Unix epoch, and a `-`: it identifies the creator
    /// even if the calling process dies right after the creation.
    fn create<'a>(
        &'a self,
        request: &'a ClusterRequest,
        since: i64,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, ExistingCluster>;
    /// Deletes the cluster that `phase` belongs to, or its remains. A different cluster with the
    /// same name is kept; that, and a missing cluster, is not an error.
    fn delete<'a>(&'a self, name: &'a str, phase: &'a Phase) -> BoxFuture<'a, ()>;
    /// Returns the name of the source's only cluster if it is external: it is neither created nor
    /// deleted, and its nodes are not accessible.
    fn external_cluster(&self) -> Option<String> {
        None
    }
    /// Returns the names of a cluster's nodes.
    fn nodes<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Vec<String>>;
    /// Returns the process number of a cluster's first node on this host. The namespaces of the
    /// process are those of the node.
    fn node_pid<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, u32> {
        Box::pin(async { Err(SourceError::new("the cluster has no node on this host")) })
    }
    /// Runs a command on a node.
    fn exec<'a>(&'a self, node: &'a str, command: &'a [&'a str]) -> BoxFuture<'a, NodeOutput>;
}
