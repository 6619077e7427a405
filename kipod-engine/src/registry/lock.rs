//! The lock of registries.

use std::path::{Path, PathBuf};

use crate::lease::{LeaseError, Lock, RemoveOnDrop};

/// The lock for the creation and deletion of registries. Released when dropped, which also removes the
/// lock file, and when the process ends in any way.
#[derive(Debug)]
pub(crate) struct RegistriesLock(#[expect(dead_code, reason = "held")] RemoveOnDrop);

impl RegistriesLock {
    /// Acquires the lock; `None` if another process holds it for more than a moment. `state` is kipod's
    /// state directory.
    pub(crate) fn take(state: &Path) -> Result<Option<Self>, LeaseError> {
        Ok(Lock::try_exclusive_with_retry(&path(state))?.map(|lock| Self(lock.into())))
    }

    /// Returns whether a process holds the lock.
    pub(crate) fn is_taken(state: &Path) -> bool {
        Lock::is_locked_exclusively(&path(state))
    }
}

fn path(state: &Path) -> PathBuf {
    state.join("registries.lock")
}
