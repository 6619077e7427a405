//! Registries whose creation or deletion was cut off.

use super::{Prune, PruneError};
use crate::cluster::settle;
use crate::registry::{self, RegistriesLock};

impl Prune<'_> {
    /// Removes what is left of them: who has a container is whole, and stays until it is deleted.
    pub(super) async fn registries(&mut self) -> Result<(), PruneError> {
        // Who has the lock is making or deleting one.
        let _lock = match self.dry_run {
            true if RegistriesLock::is_taken(&self.dirs.state) => return Ok(()),
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
        let left = registry::leftovers(self.podman).await?;
        if !left.is_empty() && !self.dry_run {
            settle().await;
        }
        for name in left {
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
