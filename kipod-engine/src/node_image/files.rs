//! Files of build contexts.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A failed operation on a file.
#[derive(Debug)]
pub(super) struct FileError {
    pub(super) path: PathBuf,
    pub(super) source: std::io::Error,
}

impl FileError {
    /// Returns a converter for errors of operations on `path`.
    pub(super) fn of(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }
}

/// Writes a file, and creates its directory.
pub(super) fn write(path: &Path, contents: &[u8], executable: bool) -> Result<(), FileError> {
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(FileError::of(path))?;
    std::fs::write(path, contents).map_err(FileError::of(path))?;
    let mode = if executable { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(FileError::of(path))
}

/// Creates a hard link, or a copy if that is not possible, and its directory.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(to.parent().unwrap_or(to)).map_err(FileError::of(to))?;
    // A bundle may consist of symbolic links, and a hard link to one would be dangling.
    let from = std::fs::canonicalize(from).map_err(FileError::of(from))?;
    if std::fs::hard_link(&from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(&from, to).map_err(FileError::of(to))?;
    Ok(())
}
