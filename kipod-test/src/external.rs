//! External clusters: the cluster of `KIPOD_KUBECONFIG` and `KIPOD_CONTEXT`, in which only namespaces
//! are created.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kipod_engine::lease::Phase;
use kipod_engine::variable;

use crate::cluster_request::{ClusterRequest, ExistingCluster, Topology};
use crate::engine_api::bounded;
use crate::name::hash;
use crate::settings::Settings;

use crate::source::{BoxFuture, ClusterSource, NodeOutput, Progress, SourceError};

/// A kubeconfig that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read kubeconfig `{}`, the value of `KIPOD_KUBECONFIG`{}", .path.display(), list_hint(.path))]
struct ReadError {
    path: PathBuf,
    source: std::io::Error,
}

/// Explains a list of files, which `KUBECONFIG` can be.
fn list_hint(path: &Path) -> &'static str {
    if path.to_string_lossy().contains(':') { ", which is one file and not a list" } else { "" }
}

/// The cluster of one context of a kubeconfig.
#[derive(Debug)]
pub(crate) struct External {
    kubeconfig: PathBuf,
    context: String,
}

/// Returns the source for the cluster that the environment names, if it does.
pub(crate) fn source(settings: &Settings) -> Option<&'static dyn ClusterSource> {
    static EXTERNAL: OnceLock<External> = OnceLock::new();
    let (kubeconfig, context) = (settings.kubeconfig.clone()?, settings.context.clone()?);
    let kubeconfig = std::path::absolute(&kubeconfig).unwrap_or(kubeconfig);
    Some(EXTERNAL.get_or_init(|| External { kubeconfig, context }))
}

impl External {
    /// Returns the name for the files of the harness, unique for each context.
    fn name(&self) -> String {
        let path = self.kubeconfig.to_string_lossy();
        format!("external-{:016x}", hash([path.as_ref(), &self.context]))
    }

    fn read(&self) -> Result<ExistingCluster, SourceError> {
        let path =
            std::path::absolute(&self.kubeconfig).unwrap_or_else(|_| self.kubeconfig.clone());
        let kubeconfig = bounded::read_text(&path, bounded::TEXT_LIMIT)
            .map_err(|source| SourceError::new(ReadError { path: path.clone(), source }))?;
        Ok(ExistingCluster {
            kubeconfig,
            path,
            context: Some(self.context.clone()),
            version: None,
            topology: Topology::default(),
            service_address: None,
            identity: self.name(),
        })
    }
}

impl ClusterSource for External {
    fn state_dir(&self) -> Result<PathBuf, SourceError> {
        // The host need not be able to run clusters, so this does not use the engine's directories.
        let directory = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = directory("XDG_STATE_HOME");
        let state = state.or_else(|| Some(directory("HOME")?.join(".local/state")));
        state
            .map(|state| state.join("kipod"))
            .ok_or_else(|| SourceError::new("neither `XDG_STATE_HOME` nor `HOME` is set"))
    }

    fn open<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, Option<ExistingCluster>> {
        Box::pin(async { self.read().map(Some) })
    }

    fn create<'a>(
        &'a self,
        _request: &'a ClusterRequest,
        _since: i64,
        _progress: Progress<'a>,
    ) -> BoxFuture<'a, ExistingCluster> {
        Box::pin(async { self.read() })
    }

    fn delete<'a>(&'a self, _name: &'a str, _phase: &'a Phase) -> BoxFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn external_cluster(&self) -> Option<String> {
        Some(self.name())
    }

    fn nodes<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async { Err(no_node_access()) })
    }

    fn node_pid<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, u32> {
        Box::pin(async { Err(no_node_access()) })
    }

    fn exec<'a>(&'a self, _node: &'a str, _command: &'a [&'a str]) -> BoxFuture<'a, NodeOutput> {
        Box::pin(async { Err(no_node_access()) })
    }
}

fn no_node_access() -> SourceError {
    SourceError::new("the nodes of the cluster from `KIPOD_KUBECONFIG` are not accessible")
}
