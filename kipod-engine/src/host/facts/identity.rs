//! The user, user namespaces and subordinate ids.

use std::path::PathBuf;

use serde::Serialize;

/// The user who runs this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The effective user id.
    pub uid: u32,
    /// The user name from `/etc/passwd`, or from the variable `USER`.
    pub name: Option<String>,
    /// `true` if the name is in `/etc/passwd`, so that `usermod` can change the user.
    pub local: bool,
}

impl User {
    /// Returns the name, or the user id if there is no name.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.uid.to_string())
    }
}

/// Settings that allow or forbid user namespaces to unprivileged users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserNamespaces {
    /// `true` if Podman runs in a user namespace now, which proves that they work.
    pub proven: bool,
    /// Sysctl `user.max_user_namespaces`; zero forbids them.
    pub max: Option<u64>,
    /// Sysctl `kernel.unprivileged_userns_clone` of Debian's kernels; zero forbids them.
    pub unprivileged_clone: Option<bool>,
    /// Sysctl `kernel.apparmor_restrict_unprivileged_userns`: programs without an AppArmor profile
    /// that allows `userns` get no privileges in the namespaces they create. Ubuntu's default since
    /// 23.10.
    pub apparmor_restricted: Option<bool>,
    /// `true` if a profile in `/etc/apparmor.d` allows `userns` to the `podman` on the `PATH`:
    /// Ubuntu's own profile `podman`, or the profile `kipod-podman` of kipod's remedy.
    pub apparmor_profile: bool,
}

/// A range of subordinate ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IdRange {
    /// The first id.
    pub start: u64,
    /// The number of ids.
    pub count: u64,
}

impl IdRange {
    /// Returns whether the ranges have ids in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        let end = |range: &Self| range.start.saturating_add(range.count);
        self.count > 0 && other.count > 0 && self.start < end(other) && other.start < end(self)
    }
}

/// A range of this user that has ids in common with another range in the same file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdOverlap {
    /// The range of this user.
    pub range: IdRange,
    /// The other range.
    pub other: IdRange,
    /// The name or id of the user of the other range; `None` if it is this user.
    pub user: Option<String>,
}

/// The subordinate user or group ids of this user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubordinateIds {
    /// The ranges that `/etc/subuid` or `/etc/subgid` gives this user, by name or by user id.
    pub ranges: Vec<IdRange>,
    /// The ranges of this user that overlap others, in the order of the file.
    pub overlaps: Vec<IdOverlap>,
    /// The first id above the ranges of all users, at least 100000, where distributions begin.
    pub next_free: u64,
    /// The number of ids that Podman's user namespace maps besides the user's own; `None` if Podman
    /// does not report it. Includes ranges from a directory service.
    pub mapped: Option<u64>,
    /// The path of `newuidmap` or `newgidmap`.
    pub helper: Option<PathBuf>,
}

impl SubordinateIds {
    /// Returns the number of ids in the file. An id counts once, even if several ranges have it.
    pub fn total(&self) -> u64 {
        let mut ranges = self.ranges.clone();
        ranges.sort_by_key(|range| range.start);
        let (mut total, mut end) = (0, 0);
        for IdRange { start, count } in ranges {
            let next = start.saturating_add(count);
            total += next.saturating_sub(start.max(end));
            end = end.max(next);
        }
        total
    }
}
