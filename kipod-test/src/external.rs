//! Other people's clusters: namespaces only, and only in the context that was named.

use std::path::PathBuf;
use std::sync::OnceLock;

use kipod_engine::lease::Phase;

use crate::name::hash;
use crate::settings::Settings;
use crate::source::{Access, ClusterSource, NodeOutput, Reply, Say, Shape, SourceError, Wanted};

/// The cluster of one context of a kubeconfig.
#[derive(Debug)]
pub(crate) struct External {
    kubeconfig: PathBuf,
    context: String,
}

/// The cluster that the environment names, the same for the life of the process.
pub(crate) fn source(settings: &Settings) -> Option<&'static dyn ClusterSource> {
    static EXTERNAL: OnceLock<External> = OnceLock::new();
    let (kubeconfig, context) = (settings.kubeconfig.clone()?, settings.context.clone()?);
    let kubeconfig = std::path::absolute(&kubeconfig).unwrap_or(kubeconfig);
    Some(EXTERNAL.get_or_init(|| External { kubeconfig, context }))
}

impl External {
    /// A name for the harness's own files; two contexts never share it.
    fn name(&self) -> String {
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
            shape: Shape::default(),
            service_address: None,
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

    fn create<'a>(&'a self, _wanted: &'a Wanted, _since: i64, _say: Say<'a>) -> Reply<'a, Access> {
        Box::pin(async { self.read() })
    }

    fn delete<'a>(&'a self, _name: &'a str, _phase: &'a Phase) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn only(&self) -> Option<String> {
        Some(self.name())
    }

    fn nodes<'a>(&'a self, _name: &'a str) -> Reply<'a, Vec<String>> {
        Box::pin(async { Err(theirs()) })
    }

    fn process<'a>(&'a self, _name: &'a str) -> Reply<'a, u32> {
        Box::pin(async { Err(theirs()) })
    }

    fn exec<'a>(&'a self, _node: &'a str, _command: &'a [&'a str]) -> Reply<'a, NodeOutput> {
        Box::pin(async { Err(theirs()) })
    }
}

fn theirs() -> SourceError {
    SourceError::new("the nodes of a cluster from `KIPOD_KUBECONFIG` are out of reach")
}
