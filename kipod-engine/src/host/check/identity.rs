//! Checks of user namespaces and subordinate ids.

use super::finding::Finding;
use super::packages::Package;
use crate::host::facts::{HostFacts, IdRange, SubordinateIds};

/// The number of subordinate ids a node needs. Its highest user id is 65534, and distributions
/// assign ranges of 65536.
const NEEDED_IDS: u64 = 65_536;

pub(super) fn user_namespaces(facts: &HostFacts) -> Finding {
    const CHECK: &str = "user_namespaces";
    let namespaces = &facts.user_namespaces;
    if namespaces.proven {
        let how = match namespaces.apparmor_restricted {
            Some(true) => "podman runs in one (AppArmor restricts them and allows podman)",
            _ => "podman runs in one",
        };
        return Finding::pass(CHECK, how);
    }
    let sysctl = |line: &str| {
        format!(
            "echo '{line}' | sudo tee /etc/sysctl.d/60-kipod-userns.conf\nsudo sysctl --load /etc/sysctl.d/60-kipod-userns.conf"
        )
    };
    if namespaces.max == Some(0) {
        return Finding::fail(
            CHECK,
            "user.max_user_namespaces is 0",
            sysctl("user.max_user_namespaces = 28633"),
        );
    }
    if namespaces.unprivileged_clone == Some(false) {
        return Finding::fail(
            CHECK,
            "kernel.unprivileged_userns_clone is 0",
            sysctl("kernel.unprivileged_userns_clone = 1"),
        );
    }
    if namespaces.apparmor_restricted == Some(true) && !namespaces.apparmor_profile {
        // A profile applies to one path, so a podman at another path has none.
        return Finding::fail(
            CHECK,
            "kernel.apparmor_restrict_unprivileged_userns is 1 and podman has no AppArmor profile that allows `userns`",
            "printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile kipod-podman %s flags=(unconfined) {\\n  userns,\\n}\\n' \"$(command -v podman)\" | sudo tee /etc/apparmor.d/kipod-podman\nsudo apparmor_parser --replace /etc/apparmor.d/kipod-podman",
        );
    }
    match (facts.podman.installed, namespaces.max) {
        (true, _) if facts.podman.info.is_none() => Finding::warn(
            CHECK,
            "not forbidden, but podman has not proven that they work",
            "podman unshare true   # prints the reason",
        ),
        (_, Some(max)) => Finding::pass(CHECK, format!("allowed, at most {max}")),
        (_, None) => Finding::fail(
            CHECK,
            "not supported by the kernel (user.max_user_namespaces does not exist)",
            "boot a kernel with CONFIG_USER_NS",
        ),
    }
}

pub(super) fn subuid(facts: &HostFacts) -> Finding {
    subordinate("subuid", "subuids", "newuidmap", facts, &facts.subuids)
}

pub(super) fn subgid(facts: &HostFacts) -> Finding {
    subordinate("subgid", "subgids", "newgidmap", facts, &facts.subgids)
}

fn subordinate(
    check: &'static str,
    option: &str,
    program: &str,
    facts: &HostFacts,
    ids: &SubordinateIds,
) -> Finding {
    if ids.helper.is_none() {
        return Finding::fail(
            check,
            format!("`{program}` is not installed"),
            facts.distribution.install(&[Package::UidMap]),
        );
    }
    let total = ids.total();
    let file = format!("/etc/{check}");
    if let Some(finding) = overlap(check, option, facts, ids) {
        return finding;
    }
    match ids.mapped {
        Some(mapped) if mapped >= NEEDED_IDS && total == 0 => {
            return Finding::pass(
                check,
                format!("podman maps {mapped} ids from another source than {file}"),
            );
        }
        Some(mapped) if mapped >= NEEDED_IDS => {
            return Finding::pass(check, format!("{mapped} ids{}", ranges(ids)));
        }
        // Podman keeps using the namespace it created before the file was changed.
        Some(mapped) if total >= NEEDED_IDS => {
            return Finding::fail(
                check,
                format!("{file} has {total} ids, but podman still maps {mapped}"),
                "podman system migrate   # stops this user's containers",
            );
        }
        None if total >= NEEDED_IDS => {
            return Finding::pass(check, format!("{total} ids{}", ranges(ids)));
        }
        _ => {}
    }
    let found = match total {
        0 => format!("{file} has no line for {}", facts.user.label()),
        _ => {
            format!(
                "{file} has only {total} ids for {}, {NEEDED_IDS} are needed",
                facts.user.label()
            )
        }
    };
    let (first, last) = (ids.next_free, ids.next_free + NEEDED_IDS - 1);
    let user = facts.user.label();
    let line = if facts.user.local {
        format!("sudo usermod --add-{option} {first}-{last} {user}")
    } else {
        format!("echo '{user}:{first}:{NEEDED_IDS}' | sudo tee -a {file}")
    };
    Finding::fail(check, found, format!("{line}\npodman system migrate"))
}

/// Returns a finding if the user's ranges overlap. The kernel maps no id twice, so a user namespace cannot
/// be created with two overlapping ranges of one user. Users with common ids have access to the files
/// and processes of each other's containers.
fn overlap(
    check: &'static str,
    option: &str,
    facts: &HostFacts,
    ids: &SubordinateIds,
) -> Option<Finding> {
    let own = ids.overlaps.iter().find(|overlap| overlap.user.is_none());
    let overlap = own.or(ids.overlaps.first())?;
    let span = |range: &IdRange| format!("{}-{}", range.start, range.start + (range.count - 1));
    let (range, other) = (span(&overlap.range), span(&overlap.other));
    let (file, user) = (format!("/etc/{check}"), facts.user.label());
    match &overlap.user {
        None => Some(Finding::fail(
            check,
            format!(
                "{file} has overlapping ranges for {user}, which cannot be mapped: {other} and {range}"
            ),
            format!("remove one of the lines of {user} from {file}\npodman system migrate"),
        )),
        Some(of) => {
            let (first, last) = (ids.next_free, ids.next_free + NEEDED_IDS - 1);
            Some(Finding::warn(
                check,
                format!(
                    "{range} of {user} in {file} overlaps {other} of {of}: the two users have access to each other's containers"
                ),
                format!(
                    "podman system reset   # removes all containers and images of {user}\nsudo usermod --del-{option} {range} --add-{option} {first}-{last} {user}"
                ),
            ))
        }
    }
}

/// Formats the ranges: ` (100000-165535, ...)`.
fn ranges(ids: &SubordinateIds) -> String {
    let texts: Vec<String> = ids
        .ranges
        .iter()
        .filter(|range| range.count > 0)
        .map(|range| format!("{}-{}", range.start, range.start + (range.count - 1)))
        .collect();
    if texts.is_empty() { String::new() } else { format!(" ({})", texts.join(", ")) }
}
