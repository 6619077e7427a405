//! Checks of Podman's storage.

use super::finding::Finding;
use super::packages::Package;
use crate::host::facts::HostFacts;

/// The user's storage configuration.
const STORAGE_CONF: &str = "~/.config/containers/storage.conf";

pub(super) fn dev_fuse(facts: &HostFacts) -> Finding {
    const CHECK: &str = "dev_fuse";
    let device = facts.devices.fuse;
    if device.usable {
        return Finding::pass(CHECK, "/dev/fuse is readable and writable");
    }
    let (found, remedy) = if device.present {
        (
            "/dev/fuse is not accessible to this user",
            "echo 'KERNEL==\"fuse\", MODE=\"0666\"' | sudo tee /etc/udev/rules.d/60-kipod-fuse.rules\nsudo chmod 0666 /dev/fuse",
        )
    } else {
        (
            "/dev/fuse is missing",
            "echo fuse | sudo tee /etc/modules-load.d/kipod-fuse.conf\nsudo modprobe fuse",
        )
    };
    if facts.kernel_mounts_overlay() && facts.storage.mount_program.is_none() {
        // The kernel mounts overlays, so only the fallback is missing.
        Finding::warn(CHECK, format!("{found}: nodes cannot use fuse-overlayfs"), remedy)
    } else {
        Finding::fail(CHECK, format!("{found}; fuse-overlayfs needs it"), remedy)
    }
}

pub(super) fn overlay(facts: &HostFacts) -> Finding {
    const CHECK: &str = "native_overlay";
    let release = &facts.kernel.release;
    let program = facts.storage.mount_program.as_deref();
    if !facts.kernel_mounts_overlay() {
        let found = format!("kernel {release} cannot mount overlays in a user namespace");
        let newer = "boot a kernel of version 5.11 or later (5.13 with SELinux)";
        return if facts.storage.fuse_overlayfs.is_some() || program.is_some() {
            Finding::warn(
                CHECK,
                format!("{found}; fuse-overlayfs is used instead, which is slow"),
                newer,
            )
        } else {
            let install = facts.distribution.install(&[Package::FuseOverlayfs]);
            Finding::fail(CHECK, found, format!("{install}\nor {newer}"))
        };
    }
    match program {
        Some(program) => Finding::warn(
            CHECK,
            format!("podman mounts overlays with {program}, which is slower than kernel {release}"),
            format!(
                "remove mount_program from {STORAGE_CONF} and /etc/containers/storage.conf\npodman system reset   # deletes this user's images, containers and volumes"
            ),
        ),
        None => Finding::pass(CHECK, format!("kernel {release}")),
    }
}

pub(super) fn driver(facts: &HostFacts) -> Finding {
    const CHECK: &str = "storage_driver";
    let driver = facts.storage.driver.as_deref().unwrap_or("unknown");
    if driver == "overlay" {
        return Finding::pass(CHECK, "overlay");
    }
    Finding::warn(
        CHECK,
        format!("{driver}: images are copied instead of shared, which needs time and space"),
        format!(
            "set `driver = \"overlay\"` in `[storage]` of {STORAGE_CONF}\npodman system reset   # deletes this user's images, containers and volumes"
        ),
    )
}

pub(super) fn file_system(facts: &HostFacts) -> Finding {
    const CHECK: &str = "file_system";
    let storage = &facts.storage;
    let root = storage
        .graph_root
        .as_ref()
        .map_or("podman's store".into(), |path| path.display().to_string());
    let remedy = format!(
        "set `graphroot = \"/a/directory/on/ext4/xfs/or/btrfs\"` in `[storage]` of {STORAGE_CONF}"
    );
    if storage.file_types == Some(false) {
        return Finding::fail(
            CHECK,
            format!(
                "{root} is on a file system without file types in directories (xfs with ftype=0)"
            ),
            remedy,
        );
    }
    match storage.backing_file_system.as_deref() {
        Some(name @ ("nfs" | "cifs" | "smb2" | "9p" | "afs" | "ceph")) => Finding::fail(
            CHECK,
            format!("{root} is on {name}, which cannot store files of subordinate ids"),
            remedy,
        ),
        Some(name @ ("overlayfs" | "overlay" | "ecryptfs" | "fuse")) => Finding::warn(
            CHECK,
            format!(
                "{root} is on {name}, on which the kernel cannot mount overlays: nodes copy images"
            ),
            remedy,
        ),
        Some(name) => Finding::pass(CHECK, format!("{root} on {name}")),
        // Drivers other than overlay do not report it.
        None => Finding::pass(CHECK, root),
    }
}
