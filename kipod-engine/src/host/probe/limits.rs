//! Reads kernel and user limits, processors and memory.

use std::path::Path;

use super::containers_conf::ContainersConf;
use super::sources::Sources;
use crate::host::facts::{CgroupFacts, Limits, Resources, ScopeKind};

/// Reads sysctls, `pids.max` and resource limits.
pub(super) fn limits(sources: &Sources, cgroup: &CgroupFacts, conf: &ContainersConf) -> Limits {
    let root = &sources.root;
    Limits {
        inotify_instances: root.number("/proc/sys/fs/inotify/max_user_instances"),
        inotify_watches: root.number("/proc/sys/fs/inotify/max_user_watches"),
        send_buffer: root.number("/proc/sys/net/core/wmem_max"),
        cgroup_pids: cgroup_pids(sources, cgroup),
        podman_pids: conf.pids_limit(),
        processes: sources.processes,
        open_files: sources.open_files,
    }
}

/// Returns the smallest `pids.max` of the groups around a node, each of which limits it.
fn cgroup_pids(sources: &Sources, cgroup: &CgroupFacts) -> Option<u64> {
    let scope = cgroup
        .scope(ScopeKind::UserService)
        .filter(|_| cgroup.deciding == Some(ScopeKind::UserService))
        .or_else(|| cgroup.scope(ScopeKind::Own))?;
    Path::new(&scope.path)
        .ancestors()
        .filter_map(|path| {
            let path = path.strip_prefix("/").unwrap_or(path);
            sources.root.number(Path::new("/sys/fs/cgroup").join(path).join("pids.max"))
        })
        .min()
}

/// Reads `/proc/meminfo`.
pub(super) fn resources(sources: &Sources) -> Resources {
    let text = sources.root.read("/proc/meminfo").unwrap_or_default();
    let bytes = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kibibytes * 1024)
    };
    Resources {
        cpus: sources.cpus,
        memory_total: bytes("MemTotal"),
        memory_available: bytes("MemAvailable"),
    }
}
