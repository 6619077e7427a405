//! What the facts about a machine mean for a cluster on it.

use std::path::PathBuf;

use crate::host::HostFacts;
use crate::node::{CgroupMode, StorageDriver};
use crate::util::timeouts::Timeouts;

/// The controllers without which limits of pods cannot hold.
const NEEDED: [&str; 3] = ["cpu", "memory", "pids"];

/// What of the machine shapes a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Whether limits of pods can hold.
    pub cgroups: CgroupMode,
    /// Below which cgroup nodes are made, where Podman cannot know.
    pub cgroup_parent: Option<String>,
    /// The user's own image store, where CRI-O can read it.
    pub host_store: Option<PathBuf>,
    /// How nodes stack image layers.
    pub storage_driver: StorageDriver,
    /// Whether nodes can be given `/dev/fuse`, which pods of people who build images want.
    pub fuse: bool,
    /// Whether a node can publish thousands of ports.
    pub many_ports: bool,
    /// How much slower than usual it is.
    pub timeouts: Timeouts,
}

impl Machine {
    /// What the facts mean.
    ///
    /// * Limits hold where systemd manages Podman's cgroups and the cpu, memory and pids
    ///   controllers are delegated. With the manager `cgroupfs` they are not counted on, whatever
    ///   the session has: systemd gives and takes the controllers of groups that it did not make.
    /// * Where Podman manages cgroups by itself it would make them at the hierarchy's root, which a
    ///   user cannot write: the cgroup that the user owns is named instead.
    /// * Nodes stack image layers with overlay, unless the kernel or the file system cannot, or the
    ///   user's own Podman had to fall back to VFS.
    /// * The user's image store is shown to nodes if its driver is that of the nodes: CRI-O reads no
    ///   other.
    /// * Where Netavark uses nftables a node publishes thousands of ports only if
    ///   `net.core.wmem_max` is [`SEND_BUFFER`](crate::host::SEND_BUFFER) or more.
    /// * No fact says how slow the machine is: it counts as usual.
    pub fn from_facts(facts: &HostFacts) -> Self {
        let info = facts.podman.info.as_ref();
        let systemd = info.is_some_and(|info| info.cgroup_manager == "systemd");
        // Podman reports the controllers of its own group; nodes get those of the user's manager.
        let cgroups = match systemd && NEEDED.iter().all(|one| facts.cgroup.has(one)) {
            true => CgroupMode::Delegated,
            false => CgroupMode::Unlimited,
        };
        let driver = facts.storage.driver.as_deref();
        let storage_driver = match driver {
            Some("vfs") => StorageDriver::Vfs,
            _ if !facts.kernel_mounts_overlay() => StorageDriver::Vfs,
            _ => match facts.storage.backing_file_system.as_deref() {
                // No overlay can be mounted on what is one already, or is none of the kernel's.
                Some("overlayfs" | "overlay" | "ecryptfs" | "fuse") => StorageDriver::Vfs,
                _ => StorageDriver::Overlay,
            },
        };
        let store = facts.storage.graph_root.clone();
        Self {
            cgroups,
            cgroup_parent: facts.cgroup.container_parent().map(str::to_owned),
            fuse: facts.devices.fuse.usable,
            host_store: store.filter(|_| driver == Some(storage_driver.name())),
            storage_driver,
            many_ports: facts.supports_many_ports(),
            timeouts: Timeouts::default(),
        }
    }
}
