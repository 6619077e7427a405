//! Removal of directory trees of the host.

use std::io::ErrorKind;
use std::path::Path;

use super::api::{Podman, PodmanError};

/// Removes a file or directory tree, including files that belong to subordinate users. A path that
/// does not exist is not an error.
pub(crate) async fn remove_tree(podman: &dyn Podman, path: &Path) -> Result<(), PodmanError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => podman.remove_path(path).await,
        Err(error) if error.kind() != ErrorKind::NotFound => Err(PodmanError::Operation {
            action: format!("remove `{}`", path.display()),
            message: error.to_string(),
        }),
        _ => Ok(()),
    }
}
