//! Atomic writes of files.

use std::io::Write;
use std::path::Path;

/// Writes a file that only its owner may read, atomically: to a temporary file in the same directory
/// that then replaces the file.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
