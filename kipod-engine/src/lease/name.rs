//! Who works on a cluster: a lock by name.

use std::path::{Path, PathBuf};

use super::lock::{LeaseError, Lock, RemoveOnDrop};
use crate::spec::ClusterName;

/// The exclusive right to create, change or delete the cluster of one name. Dropping it, or dying in any
/// way, gives it back; dropping it takes the lock's file away too.
#[derive(Debug)]
pub(crate) struct NameLock(#[expect(dead_code, reason = "held")] RemoveOnDrop);

/// A lock that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("another process{} works on cluster `{name}`", holder(.pid))]
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
            Self::Busy { .. } => Some("wait until it has finished, or name another cluster"),
            Self::Io { .. } => None,
        }
    }
}

fn holder(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" ({pid})")).unwrap_or_default()
}

impl NameLock {
    /// Takes the lock of `name`, with no more than a moment's wait. `state` is kipod's state folder.
    ///
    /// # Errors
    ///
    /// When another process has it, or the file cannot be written.
    pub(crate) fn take(state: &Path, name: &ClusterName) -> Result<Self, LockError> {
        let path = path(state, name);
        match Lock::soon_exclusive(&path) {
            Ok(Some(lock)) => {
                // For the message of the one who comes second; nobody decides by it.
                lock.note(&std::process::id().to_string());
                Ok(Self(RemoveOnDrop::from(lock)))
            }
            Ok(None) => {
                let pid = std::fs::read_to_string(&path).ok();
                let pid = pid.and_then(|text| text.trim().parse().ok());
                Err(LockError::Busy { name: name.clone(), pid })
            }
            Err(LeaseError { path, source }) => {
                Err(LockError::Io { name: name.clone(), path, source })
            }
        }
    }

    /// Whether somebody has the lock of `name`. Where that cannot be found out, nobody can have it.
    pub(crate) fn is_taken(state: &Path, name: &ClusterName) -> bool {
        Lock::is_held_alone(&path(state, name))
    }
}

/// The files of all locks, held or not.
pub(crate) fn all(state: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(state.join("locks")).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries.map(|entry| entry.path()).collect();
    all.sort();
    all
}

/// The right to load images into the cluster of one name, before the right to change it: that one is
/// not waited for, and an archive may take long to unpack. Dropping it, or dying in any way, gives it
/// back; dropping it takes the lock's file away too.
#[derive(Debug)]
pub(crate) struct ImagesLock(#[expect(dead_code, reason = "held")] RemoveOnDrop);

impl ImagesLock {
    /// Takes it, if nobody has it.
    pub(crate) fn try_take(state: &Path, name: &ClusterName) -> Result<Option<Self>, LeaseError> {
        let lock = Lock::try_exclusive(&Self::path(state, name))?;
        Ok(lock.map(|lock| Self(lock.into())))
    }

    /// Takes it after everybody who came before; blocks.
    pub(crate) fn take(state: &Path, name: &ClusterName) -> Result<Self, LeaseError> {
        Lock::exclusive(&Self::path(state, name), || {}).map(|lock| Self(lock.into()))
    }

    /// Whether somebody has it.
    pub(crate) fn is_taken(state: &Path, name: &ClusterName) -> bool {
        Lock::is_held(&Self::path(state, name))
    }

    fn path(state: &Path, name: &ClusterName) -> PathBuf {
        state.join("locks").join(format!("{name}.images.lock"))
    }
}

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
            format!("another process ({}) works on cluster `demo`", std::process::id())
        );
        let other: ClusterName = "other".parse().unwrap();
        NameLock::take(state.path(), &other).unwrap();
        drop(first);
        NameLock::take(state.path(), &name).unwrap();
    }

    #[test]
    fn whoever_only_looks_takes_nothing() {
        let state = tempfile::tempdir().unwrap();
        let name: ClusterName = "demo".parse().unwrap();
        assert!(!NameLock::is_taken(state.path(), &name));
        assert!(!path(state.path(), &name).exists());
        let lock = NameLock::take(state.path(), &name).unwrap();
        assert!(NameLock::is_taken(state.path(), &name));
        drop(lock);
        assert!(!NameLock::is_taken(state.path(), &name));
    }

    #[test]
    fn there_is_one_holder_at_a_time_and_no_file_in_the_end() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let state = tempfile::tempdir().unwrap();
        let name: ClusterName = "demo".parse().unwrap();
        let (inside, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let Ok(lock) = NameLock::take(state.path(), &name) else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders");
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        taken.fetch_add(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
        assert!(!path(state.path(), &name).exists());
    }
}
