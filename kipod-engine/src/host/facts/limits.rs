//! Kernel and user limits, processors and memory.

use serde::Serialize;

/// The socket send buffer, `net.core.wmem_max`, that `nft` needs to publish all node ports.
///
/// `nft` sends its rules to the kernel in one message, which this sysctl limits for unprivileged
/// users. Linux's default, 208 KiB, is enough for 600 published ports and not for 800; 2 MiB are
/// enough for all node ports. This is twice that.
pub const SEND_BUFFER: u64 = 4 << 20;

/// Kernel and user limits that a cluster can exceed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Sysctl `fs.inotify.max_user_instances`.
    pub inotify_instances: Option<u64>,
    /// Sysctl `fs.inotify.max_user_watches`.
    pub inotify_watches: Option<u64>,
    /// Sysctl `net.core.wmem_max`, in bytes.
    pub send_buffer: Option<u64>,
    /// The smallest `pids.max` of the control groups around a node; `None` is no limit.
    pub cgroup_pids: Option<u64>,
    /// Podman's default `pids_limit` for containers; `None` if no configuration file sets it
    /// (Podman's own default is 2048).
    pub podman_pids: Option<i64>,
    /// The soft limit of the user's processes, `RLIMIT_NPROC`; `None` is no limit.
    pub processes: Option<u64>,
    /// The hard limit of a process's open files, `RLIMIT_NOFILE`; `None` is no limit.
    pub open_files: Option<u64>,
}

/// Processors and memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// The number of processors this process may use.
    pub cpus: usize,
    /// The total memory.
    pub memory_total: Option<u64>,
    /// The memory that is available to programs without swapping.
    pub memory_available: Option<u64>,
}
