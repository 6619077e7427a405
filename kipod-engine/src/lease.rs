//! Who is working on a cluster: a lock by name that the kernel drops when its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::spec::ClusterName;

/// The exclusive right to create or delete the cluster of one name. Dropping it, or dying in any
/// way, gives it back.
#[derive(Debug)]
pub(crate) struct NameLock {
    _file: File,
}

/// A lock that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("another process{} is creating or deleting cluster `{name}`", holder(.pid))]
    Busy {
        /// The cluster.
        name: ClusterName,
        /// The process that has it, where it said so.
        pid: Option<u32>,
    },
    /// The lock's file cannot be used.
    #[error("cannot lock cluster `{name}`: `{}`: {source}", .path.display())]
    Io {
        /// The cluster.
        name: ClusterName,
        /// The lock's file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl LockError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy { .. } => Some("wait until it has finished, or take another name"),
            Self::Io { .. } => None,
        }
    }
}

fn holder(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" ({pid})")).unwrap_or_default()
}

impl NameLock {
    /// Takes the lock of `name`, without waiting. `state` is kipod's state folder.
    ///
    /// # Errors
    ///
    /// When another process has it, or the file cannot be written.
    pub(crate) fn take(state: &Path, name: &ClusterName) -> Result<Self, LockError> {
        let path = path(state, name);
        let io = |source| LockError::Io { name: name.clone(), path: path.clone(), source };
        let mut file = open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {
                // For the message of the one who comes second; nobody decides by it.
                let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
                Err(LockError::Busy { name: name.clone(), pid: text.trim().parse().ok() })
            }
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Lock files stay: one that is removed while somebody waits for it would be locked twice.
fn path(state: &Path, name: &ClusterName) -> PathBuf {
    state.join("locks").join(format!("{name}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_first_and_gets_it_later() {
        let state = tempfile::tempdir().unwrap();
        let name: ClusterName = "demo".parse().unwrap();
        let first = NameLock::take(state.path(), &name).unwrap();
        let second = NameLock::take(state.path(), &name).unwrap_err();
        assert_eq!(
            second.to_string(),
            format!(
                "another process ({}) is creating or deleting cluster `demo`",
                std::process::id()
            )
        );
        let other: ClusterName = "other".parse().unwrap();
        NameLock::take(state.path(), &other).unwrap();
        drop(first);
        NameLock::take(state.path(), &name).unwrap();
    }
}
