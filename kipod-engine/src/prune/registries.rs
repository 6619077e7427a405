//! Registries whose creation or deletion was cut off.

use super::{Prune, PruneError};
use crate::registry::{self, RegistriesLock};

impl Prune<'_> {
    /// Removes what is left of them: who has a container is whole, and stays until it is deleted.
    pub(super) async fn registries(&mut self) -> Result<(), PruneError> {
        // Who has the lock is making or deleting one.
        let _lock = match self.dry_run {
            true => None,
            false => match RegistriesLock::take(&self.dirs.state) {
                Ok(Some(lock)) => Some(lock),
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.fault(&error);
                    return Ok(());
                }
            },
        };
        for name in registry::leftovers(self.podman).await? {
            let removed = match self.dry_run {
                true => Ok(true),
                false => registry::remove(self.podman, &name).await,
            };
            match removed {
                Ok(_) => self.removed([format!("what is left of registry `{name}`")]),
                Err(error) => self.fault(&error),
            }
        }
        Ok(())
    }
}
