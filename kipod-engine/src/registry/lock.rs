//! Who is creating or deleting a registry.

use std::path::{Path, PathBuf};

use crate::lease::{LeaseError, Lock, RemoveOnDrop};

/// The exclusive right to create and delete registries. Dropping it, or dying in any way, gives it
/// back; dropping it takes the lock's file away too.
#[derive(Debug)]
pub(crate) struct RegistriesLock(#[expect(dead_code, reason = "held")] RemoveOnDrop);

impl RegistriesLock {
    /// Takes it, unless somebody else has it for more than a moment. `state` is kipod's state folder.
    pub(crate) fn take(state: &Path) -> Result<Option<Self>, LeaseError> {
        Ok(Lock::try_exclusive_with_retry(&path(state))?.map(|lock| Self(lock.into())))
    }

    /// Whether somebody has it.
    pub(crate) fn is_taken(state: &Path) -> bool {
        Lock::is_locked_exclusively(&path(state))
    }
}

fn path(state: &Path) -> PathBuf {
    state.join("registries.lock")
}
