//! Atomic replacement of a file.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

/// Replaces the content of a file, which must not be a symbolic link, by `text`. A new file is readable
/// by its owner only; an existing one keeps its mode and owner. The caller holds the file's lock.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // The name is fixed, so that the leftover of a killed process is removed.
    let mut new = std::ffi::OsString::from(".");
    new.push(name);
    new.push(".kipod-new");
    let new = directory.join(new);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let before = match fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let written = write(&new, text, before.as_ref()).and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        // The first error is returned.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    // Only a power failure could still undo the rename, so errors are ignored.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
    Ok(())
}

fn write(path: &Path, text: &str, before: Option<&fs::Metadata>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    if let Some(before) = before {
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
            chown(path, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
    }
    file.sync_all()
}
