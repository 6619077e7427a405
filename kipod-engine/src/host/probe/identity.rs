//! Reads the user, the settings for user namespaces and the subordinate ids.

use super::sources::Sources;
use crate::host::facts::{IdOverlap, IdRange, PodmanFacts, SubordinateIds, User, UserNamespaces};

/// `SUB_UID_MIN` of `/etc/login.defs`, unless an administrator changed it.
const FIRST_SUBORDINATE_ID: u64 = 100_000;

/// Reads the user from `/etc/passwd` and the environment.
pub(super) fn user(sources: &Sources) -> User {
    let passwd = sources.root.read("/etc/passwd").unwrap_or_default();
    let named = name(&passwd, sources.uid);
    // A user of a directory service is not in the file.
    let local = named.is_some();
    let name = named.or_else(|| sources.variable("USER").map(str::to_owned));
    User { uid: sources.uid, name, local }
}

/// Returns the name of a user in the text of `/etc/passwd`.
pub(super) fn name(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Reads the sysctls and AppArmor profiles for user namespaces.
pub(super) fn user_namespaces(sources: &Sources, podman: &PodmanFacts) -> UserNamespaces {
    let root = &sources.root;
    let flag = |name: &str| Some(root.number(format!("/proc/sys/kernel/{name}"))? != 0);
    // A profile applies to the program at one path: Ubuntu's profile does not apply to a podman that
    // is installed elsewhere.
    let program = sources.program("podman", &[]).unwrap_or_else(|| "/usr/bin/podman".into());
    let program = program.display().to_string();
    let allows = |file: &str| {
        let text = root.read(file).unwrap_or_default();
        text.split_whitespace().any(|word| word == program)
            && text.lines().any(|line| line.trim_start().starts_with("userns"))
    };
    UserNamespaces {
        proven: podman.info.as_ref().is_some_and(|info| info.rootless && !info.uid_map.is_empty()),
        max: root.number("/proc/sys/user/max_user_namespaces"),
        unprivileged_clone: flag("unprivileged_userns_clone"),
        apparmor_restricted: flag("apparmor_restrict_unprivileged_userns"),
        apparmor_profile: ["podman", "kipod-podman"]
            .iter()
            .any(|name| allows(&format!("/etc/apparmor.d/{name}"))),
    }
}

/// User or group ids.
#[derive(Clone, Copy)]
pub(super) enum IdKind {
    User,
    Group,
}

/// Reads `/etc/subuid` or `/etc/subgid`.
pub(super) fn subordinate_ids(
    sources: &Sources,
    user: &User,
    podman: &PodmanFacts,
    kind: IdKind,
) -> SubordinateIds {
    let (file, helper) = match kind {
        IdKind::User => ("/etc/subuid", "newuidmap"),
        IdKind::Group => ("/etc/subgid", "newgidmap"),
    };
    let text = sources.root.read(file).unwrap_or_default();
    let Ranges { own: ranges, overlaps, next_free } = ranges(&text, user.name.as_deref(), user.uid);
    let mapped = podman.info.as_ref().filter(|info| info.rootless).map(|info| {
        let map = match kind {
            IdKind::User => &info.uid_map,
            IdKind::Group => &info.gid_map,
        };
        map.iter().filter(|line| line.container_id != 0).map(|line| line.size).sum()
    });
    SubordinateIds { ranges, overlaps, next_free, mapped, helper: sources.program(helper, &[]) }
}

/// Returns the user's ranges that overlap others. Of two ranges of the user, the second is reported.
fn overlaps(lines: &[(&str, IdRange)], is_own: impl Fn(&str) -> bool) -> Vec<IdOverlap> {
    let mut found = Vec::new();
    for (at, (key, range)) in lines.iter().enumerate().filter(|(_, (key, _))| is_own(key)) {
        for (other_at, (other_key, other)) in lines.iter().enumerate() {
            let own = is_own(other_key);
            let is_reported = if own { other_at < at } else { key != other_key };
            if is_reported && range.overlaps(other) {
                let user = (!own).then(|| (*other_key).to_owned());
                found.push(IdOverlap { range: *range, other: *other, user });
            }
        }
    }
    found
}

/// The ranges in `/etc/subuid` or `/etc/subgid`.
pub(super) struct Ranges {
    /// The user's ranges.
    own: Vec<IdRange>,
    overlaps: Vec<IdOverlap>,
    /// The first id after the ranges of all users.
    next_free: u64,
}

/// Reads the ranges of a user from the text of the file.
pub(super) fn ranges(text: &str, name: Option<&str>, uid: u32) -> Ranges {
    // Both files are keyed by the user, by name or by user id.
    let number = uid.to_string();
    let is_own = |key: &str| Some(key) == name || key == number;
    let lines: Vec<(&str, IdRange)> = text.lines().filter_map(subordinate_line).collect();
    let ends = lines.iter().map(|(_, range)| range.start.saturating_add(range.count));
    let next_free = ends.fold(FIRST_SUBORDINATE_ID, u64::max);
    let own = lines.iter().filter(|(key, _)| is_own(key)).map(|(_, range)| *range).collect();
    Ranges { own, overlaps: overlaps(&lines, is_own), next_free }
}

/// Parses `ada:100000:65536`.
fn subordinate_line(line: &str) -> Option<(&str, IdRange)> {
    let mut fields = line.trim().split(':');
    let key = fields.next()?;
    let start = fields.next()?.parse().ok()?;
    Some((key, IdRange { start, count: fields.next()?.parse().ok()? }))
}
