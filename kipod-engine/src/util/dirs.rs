//! kipod's directories on the host, according to the XDG base directory specification.

use std::path::PathBuf;

use super::Hint;

/// kipod's directories, below those of the XDG base directory specification.
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
#[non_exhaustive]
pub struct Dirs {
    /// State that must survive a reboot: one directory per cluster.
    pub state: PathBuf,
    /// Shared data that is expensive to create: image stores.
    pub data: PathBuf,
    /// Data that can be downloaded again: component bundles.
    pub cache: PathBuf,
    /// Data with the lifetime of the login session: sockets.
    pub runtime: PathBuf,
    /// Directories of component bundles that are installed system-wide, in order of precedence.
    pub bundles: Vec<PathBuf>,
}

/// An error of kipod's directories: the environment does not define one.
///
/// ```
/// use kipod_engine::{Dirs, DirsError, Hint};
///
/// let error = Dirs::from_lookup(|_| None).unwrap_err();
/// assert!(matches!(error, DirsError::NoHome));
/// assert_eq!(error.hint().unwrap(), "set HOME to a directory you can write to");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirsError {
    /// `HOME` is not set, so there is no directory for the state of clusters.
    #[error("`HOME` is not set")]
    NoHome,
    /// `XDG_RUNTIME_DIR` is not set; rootless Podman needs it too.
    #[error("`XDG_RUNTIME_DIR` is not set")]
    NoRuntimeDir,
}

impl Hint for DirsError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoHome => "set HOME to a directory you can write to",
            Self::NoRuntimeDir => {
                "log in through systemd (ssh, or `machinectl shell USER@`), or set XDG_RUNTIME_DIR to a private directory on a tmpfs"
            }
        };
        Some(hint.to_owned())
    }
}

impl Dirs {
    /// Returns directories below `root`, for a test.
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

    /// Returns the directories for this process's environment.
    ///
    /// # Errors
    ///
    /// If `HOME` or `XDG_RUNTIME_DIR` is not set.
    pub fn from_env() -> Result<Self, DirsError> {
        Self::from_lookup(|name| std::env::var_os(name).map(PathBuf::from))
    }

    /// Returns the directories for the environment that `lookup` reads. An empty or relative value
    /// counts as not set, as the specification requires.
    ///
    /// # Errors
    ///
    /// If `HOME` or `XDG_RUNTIME_DIR` is not set.
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
