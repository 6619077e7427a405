//! Locks by the name of a cluster.

use std::path::{Path, PathBuf};

use super::lock::{LeaseError, Lock, RemoveOnDrop};
use crate::spec::ClusterName;
use crate::util::{Hint, bounded};

/// The limit of a lock file, which contains the process id of its holder.
const PID_LIMIT: u64 = 64;

/// The exclusive lock for creating, changing or deleting the cluster of one name. The kernel releases
/// it when the process ends; dropping it also removes the lock file.
#[derive(Debug)]
pub(crate) struct NameLock(#[expect(dead_code, reason = "held")] RemoveOnDrop);

/// A lock that cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("cluster `{name}` is in use by another process{}", holder(.pid))]
    Busy {
        /// The cluster.
        name: ClusterName,
        /// The process that holds it, if known.
        pid: Option<u32>,
    },
    /// The lock file cannot be used.
    #[error("cannot use lock file `{}` of cluster `{name}`", .path.display())]
    Io {
        /// The cluster.
        name: ClusterName,
        /// The lock file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl Hint for LockError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Busy { .. } => {
                Some("wait until it has finished, or use another cluster name".to_owned())
            }
            Self::Io { .. } => None,
        }
    }
}

fn holder(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" ({pid})")).unwrap_or_default()
}

impl NameLock {
    /// Takes the lock of `name`; waits up to 100 ms. `state` is kipod's state directory.
    ///
    /// # Errors
    ///
    /// If another process holds it, or the file cannot be written.
    pub(crate) fn take(state: &Path, name: &ClusterName) -> Result<Self, LockError> {
        let path = path(state, name);
        match Lock::try_exclusive_with_retry(&path) {
            Ok(Some(lock)) => {
                // Only for the other process's error message.
                lock.note(&std::process::id().to_string());
                Ok(Self(RemoveOnDrop::from(lock)))
            }
            Ok(None) => {
                let pid = bounded::read_text(&path, PID_LIMIT).ok();
                let pid = pid.and_then(|text| text.trim().parse().ok());
                Err(LockError::Busy { name: name.clone(), pid })
            }
            Err(LeaseError { path, source }) => {
                Err(LockError::Io { name: name.clone(), path, source })
            }
        }
    }

    /// Returns whether the lock of `name` is held. A lock file that cannot be opened is not held.
    pub(crate) fn is_taken(state: &Path, name: &ClusterName) -> bool {
        Lock::is_locked_exclusively(&path(state, name))
    }
}

/// Returns all lock files, whether they are held or not.
pub(crate) fn all(state: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(state.join("locks")).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries.map(|entry| entry.path()).collect();
    all.sort();
    all
}

/// The exclusive lock for loading images into the cluster of one name. It is taken before the
/// [`NameLock`], which other processes do not wait for, because unpacking an archive may take long. The
/// kernel releases it when the process ends; dropping it also removes the lock file.
#[derive(Debug)]
pub(crate) struct ImagesLock(#[expect(dead_code, reason = "held")] RemoveOnDrop);

impl ImagesLock {
    /// Takes the lock; returns `None` if it is held.
    pub(crate) fn try_take(state: &Path, name: &ClusterName) -> Result<Option<Self>, LeaseError> {
        let lock = Lock::try_exclusive(&Self::path(state, name))?;
        Ok(lock.map(|lock| Self(lock.into())))
    }

    /// Takes the lock; blocks while it is held.
    pub(crate) fn take(state: &Path, name: &ClusterName) -> Result<Self, LeaseError> {
        Lock::exclusive(&Self::path(state, name), || {}).map(|lock| Self(lock.into()))
    }

    /// Returns whether the lock is held.
    pub(crate) fn is_taken(state: &Path, name: &ClusterName) -> bool {
        Lock::is_locked(&Self::path(state, name))
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
    fn take_reports_the_holder_until_it_drops() {
        let state = tempfile::tempdir().unwrap();
        let name: ClusterName = "demo".parse().unwrap();
        let first = NameLock::take(state.path(), &name).unwrap();
        let second = NameLock::take(state.path(), &name).unwrap_err();
        assert_eq!(
            second.to_string(),
            format!("cluster `demo` is in use by another process ({})", std::process::id())
        );
        let other: ClusterName = "other".parse().unwrap();
        NameLock::take(state.path(), &other).unwrap();
        drop(first);
        NameLock::take(state.path(), &name).unwrap();
    }

    #[test]
    fn is_taken_does_not_take_the_lock() {
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
    fn lock_has_one_holder_and_leaves_no_file() {
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
