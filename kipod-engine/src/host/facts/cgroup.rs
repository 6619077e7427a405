//! Control groups: the version, and the controllers that the user's containers get.

use serde::Serialize;

/// The controllers that limit pods, in the order of systemd's documentation.
pub const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

/// The host's control groups from the point of view of this user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupFacts {
    /// The mounted version.
    pub version: CgroupVersion,
    /// The control group of this process in the version 2 hierarchy: `/user.slice/...`.
    pub own: Option<String>,
    /// The controllers in version 1 hierarchies, which are not available in version 2.
    pub held_by_v1: Vec<String>,
    /// The relevant groups, from the outermost to the innermost.
    pub scopes: Vec<CgroupScope>,
    /// The group below which groups of containers can be created; `None` if there is none. With the
    /// manager `cgroupfs`, Podman needs it as a container's cgroup parent.
    pub deciding: Option<ScopeKind>,
    /// The controllers of containers: those that the deciding group can delegate.
    pub delegated: Vec<String>,
    /// Files that set `Delegate=` for user managers.
    pub delegate_files: Vec<String>,
}

/// The mounted version of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CgroupVersion {
    /// Version 2 only.
    V2,
    /// Version 1, and version 2 for systemd's own use.
    Hybrid,
    /// Version 1 only.
    V1,
    /// No control groups are mounted.
    None,
}

/// The kind of a control group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ScopeKind {
    /// The outermost group that is visible to this process.
    Root,
    /// The group of the user's systemd manager, `user@UID.service`.
    UserService,
    /// The parent of this process's group.
    Parent,
    /// The group of this process.
    Own,
}

/// A control group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupScope {
    /// The kind.
    pub kind: ScopeKind,
    /// The path below the mount point: `/user.slice/user-1000.slice/user@1000.service`.
    pub path: String,
    /// The available controllers.
    pub controllers: Vec<String>,
    /// The controllers that are enabled for child groups (`cgroup.subtree_control`).
    pub passed_on: Vec<String>,
    /// `true` if this user may create child groups and move processes into them.
    pub writable: bool,
    /// `true` if the group itself, not only a child group, contains processes.
    pub occupied: bool,
}

impl CgroupFacts {
    /// Returns whether containers get that controller.
    pub fn has(&self, controller: &str) -> bool {
        self.delegated.iter().any(|name| name == controller)
    }

    /// Returns the controllers of [`CONTROLLERS`] that containers do not get.
    pub fn missing(&self) -> Vec<&'static str> {
        CONTROLLERS.into_iter().filter(|controller| !self.has(controller)).collect()
    }

    /// Returns the cgroup parent of containers, if Podman does not find it by itself.
    pub fn container_parent(&self) -> Option<&str> {
        match self.deciding? {
            ScopeKind::Root | ScopeKind::UserService => None,
            kind => self.scope(kind).map(|scope| scope.path.as_str()),
        }
    }

    /// Returns the group of that kind.
    pub fn scope(&self, kind: ScopeKind) -> Option<&CgroupScope> {
        self.scopes.iter().find(|scope| scope.kind == kind)
    }
}
