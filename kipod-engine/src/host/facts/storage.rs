//! Podman's storage, and devices.

use std::path::PathBuf;

use serde::Serialize;

/// A device of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Device {
    /// `true` if the device exists.
    pub present: bool,
    /// `true` if this user may read and write it.
    pub usable: bool,
}

/// Devices that nodes need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Devices {
    /// `/dev/fuse`
    pub fuse: Device,
    /// `/dev/net/tun`
    pub tun: Device,
}

/// Podman's storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StorageFacts {
    /// Podman's storage driver: `overlay`, `vfs`, `btrfs`, ...
    pub driver: Option<String>,
    /// The program that mounts overlays instead of the kernel, if one is configured:
    /// `fuse-overlayfs`.
    pub mount_program: Option<String>,
    /// The file system of the store in Podman's terms: `extfs`, `xfs`, `btrfs`, ...
    pub backing_file_system: Option<String>,
    /// `true` if that file system stores file types in directories (`d_type`), which overlay needs.
    pub file_types: Option<bool>,
    /// The directory of Podman's store.
    pub graph_root: Option<PathBuf>,
    /// The number of bytes this user can still write there.
    pub free: Option<u64>,
    /// The path of `fuse-overlayfs`.
    pub fuse_overlayfs: Option<PathBuf>,
}
