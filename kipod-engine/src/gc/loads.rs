//! What was unpacked for loads of images that were cut off.

use super::Prune;
use crate::cluster::store::{staged, sweep};
use crate::lease::ImagesLock;

impl Prune<'_> {
    /// Removes it, unless somebody loads into that cluster.
    pub(super) async fn loads(&mut self) {
        for (name, folder) in staged(&self.dirs.state) {
            let what = format!("folder `{}`", folder.display());
            if ImagesLock::is_taken(&self.dirs.state, &name) {
                continue;
            }
            if !self.dry_run {
                let _turn = match ImagesLock::try_take(&self.dirs.state, &name) {
                    Ok(Some(turn)) => turn,
                    Ok(None) => continue,
                    Err(error) => {
                        self.fault(&error);
                        continue;
                    }
                };
                if let Err(error) = sweep(self.podman, self.dirs, &name).await {
                    self.fault(&error);
                    continue;
                }
            }
            self.removed([what]);
        }
    }
}
