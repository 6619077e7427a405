//! Putting a new text in the place of a file, all of it or nothing.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

/// Puts `text` in the place of the file, which must not be a symbolic link. A new file can be read
/// by its owner alone; one that was there keeps its mode and owner. Whoever calls this holds the
/// file's lock.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // The name is always the same, so that what a killed process left is found and goes.
    let mut new = std::ffi::OsString::from(".");
    new.push(name);
    new.push(".kipod-new");
    let new = folder.join(new);
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
        // The first error is the one to be told.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    // The file is in its place: only a power cut in the next seconds could still undo that.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
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
