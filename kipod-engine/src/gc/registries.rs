//! Leftovers of registries with an interrupted creation or deletion.

use super::{Prune, PruneError};
use crate::cluster::settle;
use crate::registry::{self, RegistriesLock};

impl Prune<'_> {
    /// Removes the leftovers. A registry with a container is complete and is kept.
    pub(super) async fn registries(&mut self) -> Result<(), PruneError> {
        // The holder of the lock creates or deletes a registry.
        let _lock = match self.dry_run {
            true if RegistriesLock::is_taken(&self.dirs.state) => return Ok(()),
            true => None,
            false => match RegistriesLock::take(&self.dirs.state) {
                Ok(Some(lock)) => Some(lock),
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.error(&error);
                    return Ok(());
                }
            },
        };
        let leftovers = registry::orphaned(self.podman).await?;
        if !leftovers.is_empty() && !self.dry_run {
            settle().await;
        }
        for name in leftovers {
            let removed = match self.dry_run {
                true => Ok(true),
                false => registry::remove(self.podman, &name).await,
            };
            match removed {
                Ok(_) => self.removed([format!("leftovers of registry `{name}`")]),
                Err(error) => self.error(&error),
            }
        }
        Ok(())
    }
}
