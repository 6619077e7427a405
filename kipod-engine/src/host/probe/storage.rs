//! Reads Podman's storage and devices.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::root::Root;
use super::sources::Sources;
use crate::host::facts::{Device, Devices, StorageFacts};

/// Reads the devices that nodes need.
pub(super) fn devices(root: &Root) -> Devices {
    let device = |path| Device { present: root.exists(path), usable: root.read_write(path) };
    Devices { fuse: device("/dev/fuse"), tun: device("/dev/net/tun") }
}

/// Reads the storage section of `podman info`.
pub(super) fn storage(sources: &Sources) -> StorageFacts {
    let info = sources.podman.info();
    let store = |pointer: &str| info.pointer(&format!("/store{pointer}"));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    // `graphOptions` contains a string or, for programs, an object with the path and the version.
    let program = store("/graphOptions/overlay.mount_program");
    let program = program.and_then(|value| value.get("Executable").or(Some(value)));
    let graph_root = text(store("/graphRoot")).map(PathBuf::from);
    StorageFacts {
        driver: text(store("/graphDriverName")),
        mount_program: text(program),
        backing_file_system: text(store("/graphStatus/Backing Filesystem")),
        file_types: text(store("/graphStatus/Supports d_type")).map(|value| value == "true"),
        free: graph_root.as_deref().and_then(|path| free(&sources.root, path)),
        graph_root,
        fuse_overlayfs: sources.program("fuse-overlayfs", &[]),
    }
}

/// Returns the free bytes at the nearest existing directory.
fn free(root: &Root, path: &Path) -> Option<u64> {
    let directory = path.ancestors().find(|directory| root.exists(directory))?;
    let statistics = rustix::fs::statvfs(root.path(directory)).ok()?;
    Some(statistics.f_bavail.saturating_mul(statistics.f_frsize))
}
