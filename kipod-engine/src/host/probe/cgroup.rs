//! Reads `/proc/self/cgroup` and `/sys/fs/cgroup`.

use std::path::Path;

use super::root::Root;
use crate::host::facts::{CgroupFacts, CgroupScope, CgroupVersion, PodmanInfo, ScopeKind};

const MOUNT: &str = "/sys/fs/cgroup";

/// Reads the control groups.
pub(super) fn cgroup_facts(root: &Root, uid: u32, podman: Option<&PodmanInfo>) -> CgroupFacts {
    let version = version(root);
    let lines = root.read("/proc/self/cgroup").unwrap_or_default();
    let own = lines.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned);
    let scopes =
        if version == CgroupVersion::V2 { scopes(root, uid, own.as_deref()) } else { vec![] };
    let rootless = podman.map_or(uid != 0, |info| info.rootless);
    let systemd = podman.is_some_and(|info| info.cgroup_manager == "systemd");
    let deciding = deciding(&scopes, rootless, systemd);
    CgroupFacts {
        version,
        deciding: deciding.map(|scope| scope.kind),
        delegated: deciding.map(delegated).unwrap_or_default(),
        delegate_files: delegate_files(root, uid),
        held_by_v1: held_by_v1(&lines),
        own,
        scopes,
    }
}

fn version(root: &Root) -> CgroupVersion {
    if root.exists(format!("{MOUNT}/cgroup.controllers")) {
        CgroupVersion::V2
    } else if root.exists(format!("{MOUNT}/unified/cgroup.controllers")) {
        CgroupVersion::Hybrid
    } else if ["memory", "pids", "systemd"]
        .iter()
        .any(|name| root.exists(format!("{MOUNT}/{name}")))
    {
        CgroupVersion::V1
    } else {
        CgroupVersion::None
    }
}

/// Returns the group below which the groups of containers are created.
///
/// With the manager `systemd`, user@UID.service creates a scope for each container, so its group
/// decides, independently of this process's group. With `cgroupfs` it is a group that this user
/// owns, given to Podman as the cgroup parent: the outermost one, because outer groups contain no
/// processes. Groups of the user's systemd are excluded: Podman accepts no slice as a parent there,
/// and finds a group among them by itself.
fn deciding(scopes: &[CgroupScope], rootless: bool, systemd: bool) -> Option<&CgroupScope> {
    let find = |kind| scopes.iter().find(|scope| scope.kind == kind);
    let service = find(ScopeKind::UserService);
    match (rootless, systemd) {
        (true, true) => service.filter(|scope| scope.writable),
        (true, false) => scopes.iter().find(|scope| {
            let of_systemd = service.is_some_and(|service| scope.path.starts_with(&service.path));
            scope.writable && !of_systemd
        }),
        (false, _) => find(ScopeKind::Root),
    }
}

/// Returns the controllers that a group can delegate. A group with processes of its own cannot
/// enable more controllers for its children, unless it is the root of the hierarchy. systemd keeps
/// its own group empty.
fn delegated(scope: &CgroupScope) -> Vec<String> {
    match scope.kind {
        ScopeKind::UserService | ScopeKind::Root => scope.controllers.clone(),
        _ if scope.occupied => scope.passed_on.clone(),
        _ => scope.controllers.clone(),
    }
}

/// Returns the controllers in the version 1 lines of `/proc/self/cgroup`: `4:memory:/path`.
fn held_by_v1(lines: &str) -> Vec<String> {
    lines
        .lines()
        .filter_map(|line| line.split(':').nth(1))
        .flat_map(|names| names.split(','))
        .filter(|name| !name.is_empty() && !name.starts_with("name="))
        .map(str::to_owned)
        .collect()
}

fn scopes(root: &Root, uid: u32, own: Option<&str>) -> Vec<CgroupScope> {
    let mut found: Vec<CgroupScope> = vec![];
    found.extend(scope(root, ScopeKind::Root, "/"));
    // The path in /proc/self/cgroup contains the manager's group even if the slices do not have
    // systemd's default names.
    let service = format!("user@{uid}.service");
    let service = own
        .and_then(|own| Some(&own[..own.find(&service)? + service.len()]))
        .map(str::to_owned)
        .unwrap_or_else(|| format!("/user.slice/user-{uid}.slice/{service}"));
    found.extend(scope(root, ScopeKind::UserService, &service));
    if let Some(own) = own {
        let parent = Path::new(own).parent().and_then(Path::to_str);
        found.extend(parent.and_then(|path| scope(root, ScopeKind::Parent, path)));
        found.extend(scope(root, ScopeKind::Own, own));
    }
    found
}

fn scope(root: &Root, kind: ScopeKind, path: &str) -> Option<CgroupScope> {
    let directory = if path == "/" { MOUNT.to_owned() } else { format!("{MOUNT}{path}") };
    Some(CgroupScope {
        kind,
        path: path.to_owned(),
        controllers: root.words(format!("{directory}/cgroup.controllers"))?,
        passed_on: root.words(format!("{directory}/cgroup.subtree_control")).unwrap_or_default(),
        // The files that delegation hands over, see cgroups(7).
        writable: root.writable(&directory)
            && root.writable(format!("{directory}/cgroup.procs"))
            && root.writable(format!("{directory}/cgroup.subtree_control")),
        occupied: root
            .words(format!("{directory}/cgroup.procs"))
            .is_some_and(|processes| !processes.is_empty()),
    })
}

/// Returns the drop-in files that set `Delegate=` for this user's manager.
fn delegate_files(root: &Root, uid: u32) -> Vec<String> {
    ["/usr/lib/systemd/system", "/etc/systemd/system", "/run/systemd/system"]
        .iter()
        .flat_map(|directory| {
            [format!("{directory}/user@.service.d"), format!("{directory}/user@{uid}.service.d")]
        })
        .flat_map(|directory| root.list(directory, ".conf"))
        .filter(|file| {
            let text = root.read(file).unwrap_or_default();
            text.lines().any(|line| line.trim_start().starts_with("Delegate="))
        })
        .map(|file| file.display().to_string())
        .collect()
}
