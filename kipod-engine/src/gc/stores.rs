//! Image stores that nobody needs.

use super::Prune;
use crate::node_image::unused_stores;

impl Prune<'_> {
    /// Removes them, unless a node image is being built.
    pub(super) async fn image_stores(&mut self) {
        let (_lock, unused) = match unused_stores(self.podman, &self.dirs.data).await {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => return self.fault(&error),
        };
        for store in unused {
            let removed = match self.dry_run {
                true => Ok(()),
                false => self.podman.remove_path(&store).await,
            };
            let what = format!("image store `{}`", store.display());
            match removed {
                Ok(()) => self.removed([what]),
                Err(error) => self.fault(&format!("{what}: {error}")),
            }
        }
    }
}
