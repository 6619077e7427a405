//! Reads files below `/`, or below a temporary directory in tests.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::util::bounded::{self, TEXT_LIMIT};

/// The directory that stands for `/`. Tests use a temporary directory.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

impl Root {
    /// Creates a root below which absolute paths are resolved.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Returns the location of the absolute path `path` below this root.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Returns a file's text; `None` if it cannot be read.
    pub(crate) fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = self.read_bytes(path)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns a file's bytes; `None` if it cannot be read.
    pub(super) fn read_bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        bounded::read(&self.path(path), TEXT_LIMIT).ok()
    }

    /// Returns the unsigned integer in a file.
    pub(super) fn number(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.read(path)?.trim().parse().ok()
    }

    /// Returns the words in a file.
    pub(super) fn words(&self, path: impl AsRef<Path>) -> Option<Vec<String>> {
        Some(self.read(path)?.split_whitespace().map(str::to_owned).collect())
    }

    /// Returns whether the path exists.
    pub(super) fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// Returns whether the path exists, also as a link to a missing file.
    pub(super) fn is_linked(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// Returns the paths of a directory's entries whose names end with `suffix`, sorted by name.
    pub(super) fn list(&self, directory: impl AsRef<Path>, suffix: &str) -> Vec<PathBuf> {
        let directory = directory.as_ref();
        let Ok(entries) = fs::read_dir(self.path(directory)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(suffix))
            .collect();
        names.sort();
        names.into_iter().map(|name| directory.join(name)).collect()
    }

    /// Returns whether this process may read and write the path.
    pub(super) fn read_write(&self, path: impl AsRef<Path>) -> bool {
        rustix::fs::access(self.path(path), Access::READ_OK | Access::WRITE_OK).is_ok()
    }

    /// Returns whether this process may write the path.
    pub(super) fn writable(&self, path: impl AsRef<Path>) -> bool {
        rustix::fs::access(self.path(path), Access::WRITE_OK).is_ok()
    }
}
