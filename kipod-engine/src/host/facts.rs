//! What is known of a machine, as plain data. Sizes are bytes, times are seconds.

use std::path::PathBuf;

use serde::Serialize;

use super::cgroup::CgroupFacts;
use super::distribution::Distribution;
use super::kernel::Kernel;
use super::podman_facts::{PodmanFacts, as_text};

/// The bytes that `nft` sends to the kernel at once are limited by `net.core.wmem_max` where an ordinary
/// user runs it. 208 KiB, which is Linux's default, were enough for 600 published ports and not for 800; for all
/// node ports 2 MiB were enough. This is twice that.
pub const SEND_BUFFER: u64 = 4 << 20;

/// What this machine can do for this user, asked once by [`HostFacts::gather`].
///
/// `None` means that the machine did not say. Nothing here is a judgement; that is
/// [`findings`](super::findings)' task, and the plan's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostFacts {
    /// When the facts were gathered, in seconds since 1970 began. The plan reads no clock but this.
    pub clock: u64,
    /// The processor architecture as Rust names it: `x86_64`, `aarch64`, ...
    pub architecture: String,
    /// The distribution.
    pub distribution: Distribution,
    /// The kernel.
    pub kernel: Kernel,
    /// Who runs this.
    pub user: User,
    /// Podman.
    pub podman: PodmanFacts,
    /// What decides whether the user may make user namespaces.
    pub user_namespaces: UserNamespaces,
    /// The user's subordinate user ids.
    pub subuids: SubordinateIds,
    /// The user's subordinate group ids.
    pub subgids: SubordinateIds,
    /// Control groups.
    pub cgroup: CgroupFacts,
    /// Devices that nodes need.
    pub devices: Devices,
    /// Where Podman keeps images and containers.
    pub storage: StorageFacts,
    /// How Podman makes networks.
    pub network: NetworkFacts,
    /// Limits that a cluster can run into.
    pub limits: Limits,
    /// The user's login session.
    pub session: Session,
    /// Processors and memory.
    pub resources: Resources,
    /// The node image, when the caller asked for it.
    pub node_image: Option<NodeImage>,
}

impl HostFacts {
    /// Whether a node can publish thousands of ports: where Netavark calls `nft`, their rules have to fit
    /// into [`SEND_BUFFER`].
    pub fn has_room_for_many_ports(&self) -> bool {
        self.network.firewall_driver != "nftables"
            || self.limits.send_buffer.is_none_or(|bytes| bytes >= SEND_BUFFER)
    }
}

/// Who runs this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The effective user id.
    pub uid: u32,
    /// The name `/etc/passwd` has for it, or `USER`.
    pub name: Option<String>,
    /// Whether `/etc/passwd` has that name, so that `usermod` knows it.
    pub local: bool,
}

impl User {
    /// The name, or the number where there is no name.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.uid.to_string())
    }
}

/// What decides whether an ordinary user may make user namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserNamespaces {
    /// Whether Podman runs in one now, which proves that they work.
    pub proven: bool,
    /// Sysctl `user.max_user_namespaces`; zero forbids them.
    pub max: Option<u64>,
    /// Sysctl `kernel.unprivileged_userns_clone`, which Debian's kernels have; zero forbids them.
    pub unprivileged_clone: Option<bool>,
    /// Sysctl `kernel.apparmor_restrict_unprivileged_userns`: programs without an AppArmor profile
    /// that allows `userns` get no rights in the namespaces they make. Ubuntu's default since 23.10.
    pub apparmor_restricted: Option<bool>,
    /// Whether a profile in `/etc/apparmor.d` allows `userns` to the `podman` on the `PATH`:
    /// Ubuntu's own, `podman`, or the one that kipod's remedy writes, `kipod-podman`.
    pub apparmor_profile: bool,
}

/// A range of subordinate ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IdRange {
    /// The first id.
    pub start: u64,
    /// How many.
    pub count: u64,
}

/// The subordinate user or group ids of this user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubordinateIds {
    /// The ranges that `/etc/subuid` or `/etc/subgid` gives this user, by name or by number.
    pub ranges: Vec<IdRange>,
    /// The first id above the ranges of all users, at least 100000, where distributions begin.
    pub next_free: u64,
    /// How many ids Podman's user namespace maps besides the user's own; `None` when Podman did
    /// not say. This counts: it includes ranges that come from a directory service.
    pub mapped: Option<u64>,
    /// Where `newuidmap` or `newgidmap` lies.
    pub helper: Option<PathBuf>,
}

impl SubordinateIds {
    /// How many ids the file gives.
    pub fn total(&self) -> u64 {
        self.ranges.iter().map(|range| range.count).sum()
    }
}

/// A device of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Whether it is there.
    pub present: bool,
    /// Whether this user may read and write it.
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

/// Where Podman keeps images and containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StorageFacts {
    /// Podman's storage driver: `overlay`, `vfs`, `btrfs`, ...
    pub driver: Option<String>,
    /// The program that mounts overlays instead of the kernel, when there is one: `fuse-overlayfs`.
    pub mount_program: Option<String>,
    /// Podman's word for the file system below its store: `extfs`, `xfs`, `btrfs`, ...
    pub backing_file_system: Option<String>,
    /// Whether that file system stores file types in folders, which overlay needs.
    pub file_types: Option<bool>,
    /// Podman's store.
    pub graph_root: Option<PathBuf>,
    /// How many bytes this user can still write there.
    pub free: Option<u64>,
    /// Where `fuse-overlayfs` lies.
    pub fuse_overlayfs: Option<PathBuf>,
}

/// How Podman makes networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkFacts {
    /// `netavark` or `cni`.
    pub backend: Option<String>,
    /// Netavark's version, when it has said so.
    #[serde(serialize_with = "as_text")]
    pub netavark: Option<semver::Version>,
    /// What connects a user's networks to the host: `slirp4netns` or `pasta`.
    pub rootless_command: Option<String>,
    /// Where that program lies.
    pub rootless_program: Option<PathBuf>,
    /// Where Netavark's name server lies.
    pub aardvark_dns: Option<PathBuf>,
    /// What Netavark writes its rules with: `iptables`, `nftables`, `firewalld` or `none`.
    pub firewall_driver: String,
    /// Where the program lies that Netavark calls for it: `iptables` or `nft`.
    pub firewall: Option<PathBuf>,
    /// Whether the kernel has IPv6, and was not told to leave it off.
    pub ipv6: bool,
}

/// Limits that a cluster can run into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Sysctl `fs.inotify.max_user_instances`.
    pub inotify_instances: Option<u64>,
    /// Sysctl `fs.inotify.max_user_watches`.
    pub inotify_watches: Option<u64>,
    /// Sysctl `net.core.wmem_max`, in bytes.
    pub send_buffer: Option<u64>,
    /// The smallest `pids.max` of the control groups a node can be in; `None` is no limit.
    pub cgroup_pids: Option<u64>,
    /// Podman's `pids_limit` for containers that do not set one; `None` when no configuration file
    /// sets it (Podman's own default is 2048).
    pub podman_pids: Option<i64>,
    /// The soft limit of the user's processes, `RLIMIT_NPROC`; `None` is no limit.
    pub processes: Option<u64>,
    /// The hard limit of a process's open files, `RLIMIT_NOFILE`; `None` is no limit.
    pub open_files: Option<u64>,
}

/// The user's login session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Whether systemd runs this machine.
    pub systemd: bool,
    /// Whether systemd runs a manager for this user.
    pub user_manager: bool,
    /// Whether the user has a session bus, through which Podman asks that manager for scopes.
    pub bus: bool,
    /// Whether that manager outlives the user's last session.
    pub lingering: bool,
    /// Whether `podman-restart.service` is enabled for the user: it starts nodes with the machine.
    pub starts_at_boot: bool,
    /// `XDG_RUNTIME_DIR`, when it is an existing folder this user can write to.
    pub runtime_dir: Option<PathBuf>,
}

/// Processors and memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// How many processors this process may use.
    pub cpus: usize,
    /// All memory.
    pub memory_total: Option<u64>,
    /// The memory that programs can still get without swapping.
    pub memory_available: Option<u64>,
}

/// Whether the user's store has the node image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeImage {
    /// The image's name: `localhost/kipod-node:latest`.
    pub reference: String,
    /// Whether it is there.
    pub present: bool,
}
