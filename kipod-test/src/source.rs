//! Where clusters come from: the seam between the harness and what makes clusters.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

/// What every call of the seam answers with.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, SourceError>> + Send + 'a>>;

/// A cluster as a test wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its Kubernetes version, as `1.36` or `1.36.2`; any will do where there is none.
    pub version: Option<String>,
}

impl Wanted {
    /// Whether a Kubernetes version will do.
    pub fn accepts(&self, found: &str) -> bool {
        let plain = |version: &str| version.trim_start_matches('v').to_owned();
        let have = plain(found);
        match self.version.as_deref().map(plain) {
            None => true,
            Some(want) => have
                .strip_prefix(&want)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        }
    }
}

/// How to reach a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Its kubeconfig, as YAML.
    pub kubeconfig: String,
    /// The file the kubeconfig is in.
    pub path: PathBuf,
    /// The context in it; the current one where there is none.
    pub context: Option<String>,
    /// Its Kubernetes version, as `v1.36.2`, where the source knows it.
    pub version: Option<String>,
    /// What tells it from another cluster of its name, before or after it.
    pub identity: String,
}

/// What a command on a node printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeOutput {
    /// Its exit status.
    pub status: i64,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// What the source of clusters could not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What went wrong.
    pub message: String,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// Whether this machine cannot have clusters at all, so that trying again is of no use.
    pub unavailable: bool,
}

impl SourceError {
    /// A fault with nothing more to say about it.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, unavailable: false }
    }
}

/// Who is told how far a long piece of work is.
pub type Say<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// What makes clusters. The harness calls `create` and `delete` of one name from one process at a
/// time; the rest it may call from any.
pub trait ClusterSource: Send + Sync {
    /// The folder for leases and the like, the same for every process of this user.
    fn state(&self) -> Result<PathBuf, SourceError>;
    /// The cluster of that name, if it is there and whole.
    fn open<'a>(&'a self, name: &'a str) -> Reply<'a, Option<Access>>;
    /// Creates a cluster, over whatever an attempt that was cut off left.
    fn create<'a>(&'a self, wanted: &'a Wanted, say: Say<'a>) -> Reply<'a, Access>;
    /// Deletes a cluster, or what is left of one. A name nobody has is no fault.
    fn delete<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
    /// The name of the one cluster there is, where it is other people's: such a cluster is neither
    /// created nor deleted, and its nodes are out of reach.
    fn only(&self) -> Option<String> {
        None
    }
    /// The names of a cluster's nodes.
    fn nodes<'a>(&'a self, name: &'a str) -> Reply<'a, Vec<String>>;
    /// The process, as this machine counts, that a cluster's first node is: its namespaces are the
    /// node's.
    fn process<'a>(&'a self, _name: &'a str) -> Reply<'a, u32> {
        Box::pin(async { Err(SourceError::new("the cluster has no node on this machine")) })
    }
    /// Runs a command on a node.
    fn exec<'a>(&'a self, node: &'a str, command: &'a [&'a str]) -> Reply<'a, NodeOutput>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_match_by_their_parts() {
        let accepts = |version: Option<&str>| {
            let version = version.map(str::to_owned);
            Wanted { name: "demo".into(), version }.accepts("v1.36.2")
        };
        for version in [None, Some("1.36"), Some("v1.36"), Some("1.36.2"), Some("v1.36.2")] {
            assert!(accepts(version), "{version:?}");
        }
        for version in ["1.3", "1.37", "1.36.20", "1.36.1"] {
            assert!(!accepts(Some(version)), "{version}");
        }
    }
}
