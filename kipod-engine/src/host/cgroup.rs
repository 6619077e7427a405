//! Control groups: which version, and which controllers the user's containers get.

use std::path::Path;

use serde::Serialize;

use super::podman_facts::PodmanInfo;
use super::source::Root;

/// The controllers that limit pods, in the order systemd's documentation names them.
pub const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

const MOUNT: &str = "/sys/fs/cgroup";

/// The control groups of this machine, as far as they concern this user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupFacts {
    /// Which version is mounted.
    pub version: CgroupVersion,
    /// The control group of this process in the version 2 hierarchy: `/user.slice/...`.
    pub own: Option<String>,
    /// The controllers that version 1 hierarchies hold, which version 2 then cannot have.
    pub held_by_v1: Vec<String>,
    /// The groups that matter, from the outermost to the innermost.
    pub scopes: Vec<CgroupScope>,
    /// The group below which containers' groups can be made; `None` when there is none. Where
    /// Podman's manager is `cgroupfs`, Podman has to be told, as a container's cgroup parent.
    pub deciding: Option<ScopeKind>,
    /// The controllers containers get: those that the deciding group can pass on.
    pub delegated: Vec<String>,
    /// Files that already set `Delegate=` for user managers.
    pub delegate_files: Vec<String>,
}

/// Which version of control groups is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CgroupVersion {
    /// Version 2 alone.
    V2,
    /// Version 1, with version 2 beside it for systemd's own use.
    Hybrid,
    /// Version 1 alone.
    V1,
    /// None that can be seen.
    None,
}

/// Which group it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// The outermost group this process can see.
    Root,
    /// The group of the user's systemd manager, `user@UID.service`.
    UserService,
    /// The group around this process's own.
    Parent,
    /// The group of this process.
    Own,
}

/// A control group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupScope {
    /// Which group it is.
    pub kind: ScopeKind,
    /// Its path below the mount: `/user.slice/user-1000.slice/user@1000.service`.
    pub path: String,
    /// The controllers it has.
    pub controllers: Vec<String>,
    /// The controllers it passes on to the groups in it.
    pub passed_on: Vec<String>,
    /// Whether this user may make groups in it and move processes there.
    pub writable: bool,
    /// Whether processes are in it directly, not only in groups in it.
    pub occupied: bool,
}

impl CgroupFacts {
    /// Reads `/proc/self/cgroup` and `/sys/fs/cgroup`.
    pub(super) fn read(root: &Root, uid: u32, podman: Option<&PodmanInfo>) -> Self {
        let version = version(root);
        let lines = root.read("/proc/self/cgroup").unwrap_or_default();
        let own = lines.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned);
        let scopes =
            if version == CgroupVersion::V2 { scopes(root, uid, own.as_deref()) } else { vec![] };
        let rootless = podman.map_or(uid != 0, |info| info.rootless);
        let systemd = podman.is_some_and(|info| info.cgroup_manager == "systemd");
        let find = |kind| scopes.iter().find(|scope| scope.kind == kind);
        // With the manager `systemd`, user@UID.service makes a scope for each container: its group
        // decides, whatever group this process is in. With `cgroupfs` it is whatever group this
        // user owns, given to Podman as the parent; the outermost, for those around it stay empty.
        // Those of the user's systemd are none of them: Podman takes no slice as a parent, and
        // finds a place among them by itself.
        let service = find(ScopeKind::UserService).map(|scope| scope.path.as_str());
        let systemds = |path: &str| service.is_some_and(|service| path.starts_with(service));
        let owned = || scopes.iter().find(|scope| scope.writable && !systemds(&scope.path));
        let deciding = match (rootless, systemd) {
            (true, true) => find(ScopeKind::UserService).filter(|scope| scope.writable),
            (true, false) => owned(),
            (false, _) => find(ScopeKind::Root),
        };
        // A group with processes of its own cannot begin to pass controllers on, unless it is the
        // hierarchy's root. systemd keeps its own group empty.
        let delegated = |scope: &CgroupScope| match scope.kind {
            ScopeKind::UserService | ScopeKind::Root => scope.controllers.clone(),
            _ if scope.occupied => scope.passed_on.clone(),
            _ => scope.controllers.clone(),
        };
        Self {
            version,
            deciding: deciding.map(|scope| scope.kind),
            delegated: deciding.map(delegated).unwrap_or_default(),
            delegate_files: delegate_files(root, uid),
            held_by_v1: held_by_v1(&lines),
            own,
            scopes,
        }
    }

    /// Whether containers get that controller.
    pub fn has(&self, controller: &str) -> bool {
        self.delegated.iter().any(|name| name == controller)
    }

    /// The controllers of [`CONTROLLERS`] that containers do not get.
    pub fn missing(&self) -> Vec<&'static str> {
        CONTROLLERS.into_iter().filter(|controller| !self.has(controller)).collect()
    }

    /// The group to name as a container's cgroup parent, where Podman would not find it by itself.
    pub fn container_parent(&self) -> Option<&str> {
        match self.deciding? {
            ScopeKind::Root | ScopeKind::UserService => None,
            kind => self.scope(kind).map(|scope| scope.path.as_str()),
        }
    }

    /// A group by its kind.
    pub fn scope(&self, kind: ScopeKind) -> Option<&CgroupScope> {
        self.scopes.iter().find(|scope| scope.kind == kind)
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

/// The controllers in the version 1 lines of `/proc/self/cgroup`: `4:memory:/path`.
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
    // The path in /proc/self/cgroup tells where the manager's group is also when the slices have
    // other names than systemd's defaults.
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
    let folder = if path == "/" { MOUNT.to_owned() } else { format!("{MOUNT}{path}") };
    Some(CgroupScope {
        kind,
        path: path.to_owned(),
        controllers: root.words(format!("{folder}/cgroup.controllers"))?,
        passed_on: root.words(format!("{folder}/cgroup.subtree_control")).unwrap_or_default(),
        // The three things that delegation hands over.
        writable: root.writable(&folder)
            && root.writable(format!("{folder}/cgroup.procs"))
            && root.writable(format!("{folder}/cgroup.subtree_control")),
        occupied: root
            .words(format!("{folder}/cgroup.procs"))
            .is_some_and(|processes| !processes.is_empty()),
    })
}

/// The drop-in files that set `Delegate=` for this user's manager.
fn delegate_files(root: &Root, uid: u32) -> Vec<String> {
    ["/usr/lib/systemd/system", "/etc/systemd/system", "/run/systemd/system"]
        .iter()
        .flat_map(|folder| {
            [format!("{folder}/user@.service.d"), format!("{folder}/user@{uid}.service.d")]
        })
        .flat_map(|folder| root.list(folder, ".conf"))
        .filter(|file| {
            let text = root.read(file).unwrap_or_default();
            text.lines().any(|line| line.trim_start().starts_with("Delegate="))
        })
        .map(|file| file.display().to_string())
        .collect()
}
