//! Where kipod keeps things on the host, after the XDG base directory specification.

use std::path::PathBuf;

/// The folders kipod owns, below the ones the XDG specification names.
///
/// ```
/// use kipod_engine::Dirs;
///
/// let dirs = Dirs::from_lookup(|name| match name {
///     "HOME" => Some("/home/ada".into()),
///     "XDG_RUNTIME_DIR" => Some("/run/user/1000".into()),
///     _ => None,
/// })
/// .unwrap();
/// assert_eq!(dirs.state.to_str(), Some("/home/ada/.local/state/kipod"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// What must survive a reboot and cannot be made again: one folder for each cluster.
    pub state: PathBuf,
    /// What took long to make and is shared: image stores.
    pub data: PathBuf,
    /// What can be fetched again: downloaded component bundles.
    pub cache: PathBuf,
    /// What lives as long as the login session: sockets.
    pub runtime: PathBuf,
    /// Folders where a component bundle may be installed for the whole machine, in order.
    pub bundles: Vec<PathBuf>,
}

/// A folder that no variable of the environment names.
#[derive(Debug, thiserror::Error)]
pub enum DirsError {
    /// `HOME` is not set, so there is no place for the cluster's state.
    #[error("`HOME` is not set")]
    NoHome,
    /// `XDG_RUNTIME_DIR` is not set; rootless Podman needs it too.
    #[error("`XDG_RUNTIME_DIR` is not set")]
    NoRuntimeDir,
}

impl DirsError {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoHome => "set HOME to a folder you can write to",
            Self::NoRuntimeDir => {
                "log in through systemd (ssh, or `machinectl shell USER@`), or set XDG_RUNTIME_DIR to a private folder on a tmpfs"
            }
        }
    }
}

impl Dirs {
    /// All folders below one, for a test.
    #[cfg(test)]
    pub(crate) fn below(root: &std::path::Path) -> Self {
        let dir = |name: &str| root.join(name);
        Self {
            state: dir("state"),
            data: dir("data"),
            cache: dir("cache"),
            runtime: dir("runtime"),
            bundles: Vec::new(),
        }
    }

    /// The folders of this process's environment.
    ///
    /// # Errors
    ///
    /// When `HOME` or `XDG_RUNTIME_DIR` is not set.
    pub fn from_env() -> Result<Self, DirsError> {
        Self::from_lookup(|name| std::env::var_os(name).map(PathBuf::from))
    }

    /// The folders of the environment that `lookup` answers for. An empty or relative value counts
    /// as not set, as the specification demands.
    ///
    /// # Errors
    ///
    /// When `HOME` or `XDG_RUNTIME_DIR` is not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, DirsError> {
        let get = |name: &str| lookup(name).filter(|path| path.is_absolute());
        let home = get("HOME").ok_or(DirsError::NoHome)?;
        let runtime = get("XDG_RUNTIME_DIR").ok_or(DirsError::NoRuntimeDir)?;
        let data = get("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
        let shared = lookup("XDG_DATA_DIRS").unwrap_or_default();
        let mut shared: Vec<PathBuf> =
            std::env::split_paths(&shared).filter(|path| path.is_absolute()).collect();
        if shared.is_empty() {
            shared = vec!["/usr/local/share".into(), "/usr/share".into()];
        }
        let bundles = std::iter::once(data.clone())
            .chain(shared)
            .map(|path| path.join("kipod/components"))
            .collect();
        Ok(Self {
            state: get("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state")).join("kipod"),
            data: data.join("kipod"),
            cache: get("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache")).join("kipod"),
            runtime: runtime.join("kipod"),
            bundles,
        })
    }
}
