//! Unpacked images of interrupted loads.

use super::Prune;
use crate::cluster::store::{staged, sweep};
use crate::lease::ImagesLock;

impl Prune<'_> {
    /// Removes the directories, unless images are being loaded into their cluster.
    pub(super) async fn loads(&mut self) {
        for (name, directory) in staged(&self.dirs.state) {
            let line = format!("directory `{}`", directory.display());
            if ImagesLock::is_taken(&self.dirs.state, &name) {
                continue;
            }
            if !self.dry_run {
                let _lock = match ImagesLock::try_take(&self.dirs.state, &name) {
                    Ok(Some(lock)) => lock,
                    Ok(None) => continue,
                    Err(error) => {
                        self.error(&error);
                        continue;
                    }
                };
                if let Err(error) = sweep(self.podman, self.dirs, &name).await {
                    self.error(&error);
                    continue;
                }
            }
            self.removed([line]);
        }
    }
}
