//! The inputs of the facts: files, the environment, and responses of programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::process::{Resource, getrlimit};
use serde_json::Value;

use super::podman::{PodmanResponse, query_netavark};
use super::podman_cache;
use super::root::Root;
use crate::host::facts::NodeImagePresence;

/// The inputs of the facts. Tests construct their own.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    /// The directory that stands for `/`.
    pub(crate) root: Root,
    /// The effective user id of this process.
    pub(crate) uid: u32,
    /// The environment: `PATH`, `USER`, `HOME`, `NETAVARK_FW` and the XDG variables are read.
    pub(crate) environment: BTreeMap<String, String>,
    /// Podman's description of itself.
    pub(crate) podman: PodmanResponse,
    /// The output of `netavark version`.
    pub(crate) netavark: Option<Value>,
    /// Seconds since the Unix epoch.
    pub(crate) clock: u64,
    /// The number of processors this process may use.
    pub(crate) cpus: usize,
    /// The hard limit of open files, `RLIMIT_NOFILE`; `None` is no limit.
    pub(crate) open_files: Option<u64>,
    /// The soft limit of the user's processes, `RLIMIT_NPROC`; `None` is no limit.
    pub(crate) processes: Option<u64>,
    /// The node image, if the caller looked it up.
    pub(crate) node_image: Option<NodeImagePresence>,
}

impl Sources {
    /// Returns the sources of the running host and of this process. Runs `podman info` and
    /// `netavark version`.
    pub(crate) async fn of_this_host(node_image: Option<NodeImagePresence>) -> Self {
        Self::with(PodmanResponse::query().await, node_image).await
    }

    /// Returns the same sources, with the cached output of `podman info` if it is still valid. The
    /// cache is in `runtime`, kipod's runtime directory.
    pub(crate) async fn cached(runtime: &Path) -> Self {
        Self::with(podman_cache::query_cached(runtime).await, None).await
    }

    /// Returns the same sources after clearing the cache.
    pub(crate) async fn refreshed(runtime: &Path) -> Self {
        podman_cache::clear(runtime);
        Self::cached(runtime).await
    }

    async fn with(podman: PodmanResponse, node_image: Option<NodeImagePresence>) -> Self {
        Self {
            root: Root::new("/"),
            uid: rustix::process::geteuid().as_raw(),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            netavark: query_netavark(&podman).await,
            podman,
            clock: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |age| age.as_secs()),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            open_files: getrlimit(Resource::Nofile).maximum,
            processes: getrlimit(Resource::Nproc).current,
            node_image,
        }
    }

    /// Returns a variable of the environment that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the user's directory for configuration files.
    pub(super) fn config_directory(&self) -> Option<String> {
        self.variable("XDG_CONFIG_HOME")
            .map(str::to_owned)
            .or_else(|| Some(format!("{}/.config", self.variable("HOME")?)))
    }

    /// Returns the path of a program: in `directories`, then on the `PATH`, then in the `sbin`
    /// directories, which are not on every user's `PATH`.
    pub(crate) fn program(&self, name: &str, directories: &[&str]) -> Option<PathBuf> {
        let path = self.variable("PATH").unwrap_or("/usr/bin:/bin");
        directories
            .iter()
            .copied()
            .chain(path.split(':'))
            .chain(["/usr/sbin", "/sbin"])
            .filter(|directory| directory.starts_with('/'))
            .map(|directory| Path::new(directory).join(name))
            .find(|candidate| self.root.exists(candidate))
    }
}
