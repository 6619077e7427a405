//! Storage drivers of image stores.

use serde::Serialize;

/// The storage driver of an image store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StorageDriver {
    /// The kernel's overlay file system.
    Overlay,
    /// A complete copy per layer: slow and large, but independent of the kernel and file system.
    Vfs,
}

impl StorageDriver {
    /// Returns the driver's name in Podman and CRI-O.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Vfs => "vfs",
        }
    }
}
