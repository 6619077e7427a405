//! Who is creating or deleting a registry.

use std::path::Path;

use crate::lease::{LeaseError, Lock};

/// The exclusive right to create and delete registries. Dropping it, or dying in any way, gives it
/// back; dropping it takes the lock's file away too.
#[derive(Debug)]
pub(crate) struct RegistriesLock(Option<Lock>);

impl RegistriesLock {
    /// Takes it, unless somebody else has it. `state` is kipod's state folder.
    pub(crate) fn take(state: &Path) -> Result<Option<Self>, LeaseError> {
        let lock = Lock::try_exclusive(&state.join("registries.lock"))?;
        Ok(lock.map(|lock| Self(Some(lock))))
    }
}

impl Drop for RegistriesLock {
    fn drop(&mut self) {
        if let Some(lock) = self.0.take() {
            lock.remove();
        }
    }
}
