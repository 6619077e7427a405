//! Unused image stores.

use super::Prune;
use crate::node_image::unused_stores;
use crate::util::text::error_chain;

impl Prune<'_> {
    /// Removes unused image stores, unless a node image is being built.
    pub(super) async fn image_stores(&mut self) {
        let (_lock, unused) = match unused_stores(self.podman, &self.dirs.data).await {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => return self.error(&error),
        };
        for store in unused {
            let removed = match self.dry_run {
                true => Ok(()),
                false => self.podman.remove_path(&store).await,
            };
            let line = format!("image store `{}`", store.display());
            match removed {
                Ok(()) => self.removed([line]),
                Err(error) => self.done.errors.push(format!("{line}: {}", error_chain(&error))),
            }
        }
    }
}
