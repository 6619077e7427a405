//! Where images and containers are kept.

use crate::host::distribution::Package;
use crate::host::facts::HostFacts;
use crate::host::finding::Finding;

/// The file of a user's own storage settings.
const STORAGE_CONF: &str = "~/.config/containers/storage.conf";

/// Whether the kernel can mount overlays in a user namespace: since 5.11, with SELinux since 5.13.
pub(crate) fn kernel_mounts_overlay(facts: &HostFacts) -> bool {
    let selinux = facts.podman.info.as_ref().is_some_and(|info| info.selinux);
    facts.kernel.at_least(5, if selinux { 13 } else { 11 })
}

pub(super) fn dev_fuse(facts: &HostFacts) -> Finding {
    const CHECK: &str = "dev_fuse";
    let device = facts.devices.fuse;
    if device.usable {
        return Finding::pass(CHECK, "/dev/fuse can be read and written");
    }
    let (found, remedy) = if device.present {
        (
            "/dev/fuse is closed to this user",
            "echo 'KERNEL==\"fuse\", MODE=\"0666\"' | sudo tee /etc/udev/rules.d/60-kipod-fuse.rules\nsudo chmod 0666 /dev/fuse",
        )
    } else {
        (
            "/dev/fuse is missing",
            "echo fuse | sudo tee /etc/modules-load.d/kipod-fuse.conf\nsudo modprobe fuse",
        )
    };
    if kernel_mounts_overlay(facts) && facts.storage.mount_program.is_none() {
        // The kernel's own overlay does the work; only the way round it is missing.
        Finding::warn(CHECK, format!("{found}, so nodes have no fuse-overlayfs"), remedy)
    } else {
        Finding::fail(CHECK, format!("{found}, and fuse-overlayfs needs it"), remedy)
    }
}

pub(super) fn overlay(facts: &HostFacts) -> Finding {
    const CHECK: &str = "native_overlay";
    let release = &facts.kernel.release;
    let program = facts.storage.mount_program.as_deref();
    if !kernel_mounts_overlay(facts) {
        let found = format!("kernel {release} does not mount overlays in a user namespace");
        let newer = "boot a kernel of version 5.11 or later (5.13 with SELinux)";
        return if facts.storage.fuse_overlayfs.is_some() || program.is_some() {
            Finding::warn(CHECK, format!("{found}; fuse-overlayfs does, slowly"), newer)
        } else {
            let install = facts.distribution.install(&[Package::FuseOverlayfs]);
            Finding::fail(CHECK, found, format!("{install}\nor {newer}"))
        };
    }
    match program {
        Some(program) => Finding::warn(
            CHECK,
            format!("podman mounts overlays with {program}, slowly, though kernel {release} could"),
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
        format!("{driver}: images are copied instead of shared, which takes time and space"),
        format!(
            "write `[storage]` and `driver = \"overlay\"` into {STORAGE_CONF}\npodman system reset   # deletes this user's images, containers and volumes"
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
    let elsewhere = format!(
        "write `[storage]` and `graphroot = \"/a/folder/on/ext4/xfs/or/btrfs\"` into {STORAGE_CONF}"
    );
    if storage.file_types == Some(false) {
        return Finding::fail(
            CHECK,
            format!(
                "{root} is on a file system that does not keep file types in folders (xfs made with ftype=0)"
            ),
            elsewhere,
        );
    }
    match storage.backing_file_system.as_deref() {
        Some(name @ ("nfs" | "cifs" | "smb2" | "9p" | "afs" | "ceph")) => Finding::fail(
            CHECK,
            format!("{root} is on {name}, which cannot hold files of other ids"),
            elsewhere,
        ),
        Some(name @ ("overlayfs" | "overlay" | "ecryptfs" | "fuse")) => Finding::warn(
            CHECK,
            format!(
                "{root} is on {name}, on which the kernel mounts no overlay: nodes have to copy images"
            ),
            elsewhere,
        ),
        Some(name) => Finding::pass(CHECK, format!("{root} on {name}")),
        // Drivers other than overlay do not say.
        None => Finding::pass(CHECK, root),
    }
}
