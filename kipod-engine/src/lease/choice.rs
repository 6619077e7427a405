//! Who is choosing what no other cluster has.

use std::path::Path;

use super::lock::{LeaseError, Lock};

/// The exclusive right to choose an address or a port, held until the choice is in the cluster's
/// record. Dropping it, or dying in any way, gives it back; dropping it takes the lock's file away too.
#[derive(Debug)]
pub(crate) struct ChoiceLock(Option<Lock>);

impl ChoiceLock {
    /// Takes it; blocks while somebody else chooses. `state` is kipod's state folder.
    pub(crate) fn take(state: &Path) -> Result<Self, LeaseError> {
        // No cluster has such a name.
        let lock = Lock::exclusive(&state.join("locks").join("_choice.lock"), || {})?;
        Ok(Self(Some(lock)))
    }
}

impl Drop for ChoiceLock {
    fn drop(&mut self) {
        if let Some(lock) = self.0.take() {
            lock.remove();
        }
    }
}
