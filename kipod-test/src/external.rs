//! Other people's clusters: namespaces only, and only in the context that was named.

use std::path::PathBuf;

use crate::name::hash;
use crate::source::{Access, ClusterSource, NodeOutput, Reply, Say, SourceError, Wanted};

/// The cluster of one context of a kubeconfig.
#[derive(Debug)]
pub(crate) struct External {
    kubeconfig: PathBuf,
    context: String,
}

impl External {
    /// The cluster of `context` in the file `kubeconfig`.
    pub(crate) fn new(kubeconfig: PathBuf, context: String) -> Self {
        Self { kubeconfig, context }
    }

    /// A name for the harness's own files; two contexts never share it.
    pub(crate) fn name(&self) -> String {
        let path = self.kubeconfig.to_string_lossy();
        format!("external-{:016x}", hash([path.as_ref(), &self.context]))
    }

    fn read(&self) -> Result<Access, SourceError> {
        let path =
            std::path::absolute(&self.kubeconfig).unwrap_or_else(|_| self.kubeconfig.clone());
        let kubeconfig = std::fs::read_to_string(&path)
            .map_err(|error| SourceError::new(format!("`{}`: {error}", path.display())))?;
        Ok(Access {
            kubeconfig,
            path,
            context: Some(self.context.clone()),
            version: None,
            identity: self.name(),
        })
    }
}

impl ClusterSource for External {
    fn state(&self) -> Result<PathBuf, SourceError> {
        // Such machines need not be able to run clusters, so only a folder is asked of them.
        let home =
            std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
        let home =
            home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")));
        home.map(|home| home.join("kipod"))
            .ok_or_else(|| SourceError::new("neither `XDG_STATE_HOME` nor `HOME` is set"))
    }

    fn open<'a>(&'a self, _name: &'a str) -> Reply<'a, Option<Access>> {
        Box::pin(async { self.read().map(Some) })
    }

    fn create<'a>(&'a self, _wanted: &'a Wanted, _say: Say<'a>) -> Reply<'a, Access> {
        Box::pin(async { self.read() })
    }

    fn delete<'a>(&'a self, _name: &'a str) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn creates(&self) -> bool {
        false
    }

    fn nodes<'a>(&'a self, _name: &'a str) -> Reply<'a, Vec<String>> {
        Box::pin(async { Err(theirs()) })
    }

    fn exec<'a>(&'a self, _node: &'a str, _command: &'a [&'a str]) -> Reply<'a, NodeOutput> {
        Box::pin(async { Err(theirs()) })
    }
}

fn theirs() -> SourceError {
    SourceError::new("the nodes of a cluster from `KIPOD_KUBECONFIG` are out of reach")
}
