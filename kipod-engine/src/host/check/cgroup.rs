//! Checks of control groups: the version, and the controllers of containers.

use super::finding::Finding;
use super::packages::Package;
use crate::host::facts::{CONTROLLERS, CgroupVersion, HostFacts, ScopeKind};

/// The drop-in file, which `setup` writes as well.
const DROP_IN: &str = "/etc/systemd/system/user@.service.d/kipod-delegate.conf";

/// The check of controllers.
pub(super) const CONTROLLERS_CHECK: &str = "cgroup_controllers";

pub(super) fn version(facts: &HostFacts) -> Finding {
    const CHECK: &str = "cgroup_version";
    let argument = "systemd.unified_cgroup_hierarchy=1";
    match facts.cgroup.version {
        CgroupVersion::V2 => Finding::pass(CHECK, "version 2"),
        CgroupVersion::Hybrid | CgroupVersion::V1 if facts.session.systemd => Finding::fail(
            CHECK,
            "version 1; rootless containers need version 2",
            facts.distribution.kernel_argument(argument),
        ),
        CgroupVersion::Hybrid | CgroupVersion::V1 => Finding::fail(
            CHECK,
            "version 1; rootless containers need version 2",
            "mount cgroup2 at /sys/fs/cgroup when this host boots",
        ),
        CgroupVersion::None => Finding::fail(
            CHECK,
            "no control groups are mounted at /sys/fs/cgroup",
            "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        ),
    }
}

pub(super) fn controllers(facts: &HostFacts) -> Finding {
    const CHECK: &str = CONTROLLERS_CHECK;
    let cgroup = &facts.cgroup;
    // If Podman manages groups without systemd, or in a group that this user was given, controllers
    // may be removed at any time: the plan of a cluster relies on none.
    let unused = uses(facts, "cgroupfs") && (facts.session.systemd || !cgroup.delegated.is_empty());
    let missing = if unused { CONTROLLERS.to_vec() } else { cgroup.missing() };
    let scope = cgroup.deciding.and_then(|kind| cgroup.scope(kind));
    let place = match scope {
        None => format!("user@{}.service", facts.user.uid),
        Some(scope) if scope.path == "/" => "the root group".to_owned(),
        Some(scope) => scope.path.rsplit('/').next().unwrap_or(&scope.path).to_owned(),
    };
    let has: Vec<&str> = CONTROLLERS.into_iter().filter(|name| cgroup.has(name)).collect();
    if missing.is_empty() {
        return Finding::pass(CHECK, format!("{} from {place}", has.join(", ")));
    }
    let has = match (has.is_empty(), scope) {
        _ if unused => "none, because podman's cgroup manager is cgroupfs".to_owned(),
        (true, None) if !uses(facts, "systemd") => {
            "none, because this user owns no group".to_owned()
        }
        (true, _) => format!("none from {place}"),
        (false, _) => format!("{} from {place}", has.join(", ")),
    };
    Finding::warn(
        CHECK,
        format!(
            "{has}; missing {}: clusters have no {}",
            missing.join(", "),
            missing.iter().map(|name| features(name)).collect::<Vec<_>>().join(", ")
        ),
        remedy(facts, &missing),
    )
}

/// Returns the features that need a controller.
fn features(controller: &str) -> &'static str {
    match controller {
        "cpu" => "CPU limits and shares",
        "cpuset" => "CPU pinning",
        "io" => "disk limits",
        "memory" => "memory limits and statistics",
        _ => "process limits",
    }
}

fn uses(facts: &HostFacts, manager: &str) -> bool {
    facts.podman.info.as_ref().is_some_and(|info| info.cgroup_manager == manager)
}

fn remedy(facts: &HostFacts, missing: &[&str]) -> String {
    let cgroup = &facts.cgroup;
    if cgroup.version != CgroupVersion::V2 {
        return "enable control groups version 2 first (see cgroup version)".to_owned();
    }
    let at_root = cgroup.scope(ScopeKind::Root).map(|scope| scope.controllers.as_slice());
    let absent: Vec<&str> = missing
        .iter()
        .copied()
        .filter(|name| at_root.is_some_and(|root| !root.iter().any(|have| have == name)))
        .collect();
    // The controller `io` is named `blkio` in version 1.
    let held: Vec<&str> = absent
        .iter()
        .copied()
        .filter(|name| {
            let old = if *name == "io" { "blkio" } else { name };
            cgroup.held_by_v1.iter().any(|held| held == old)
        })
        .collect();
    if !held.is_empty() {
        return format!(
            "version 1 hierarchies use {}; disable them for version 1:\n{}",
            held.join(", "),
            facts.distribution.kernel_argument("cgroup_no_v1=all")
        );
    }
    if !facts.session.systemd {
        return "only systemd delegates controllers to unprivileged users, and it is not this host's init system: use a host with systemd, or accept the missing limits".to_owned();
    }
    if !absent.is_empty() {
        return format!(
            "the kernel offers {} to no group, so delegation has no effect:\n{}",
            absent.join(", "),
            facts.distribution.kernel_argument(&format!("cgroup_enable={}", absent.join(",")))
        );
    }
    if uses(facts, "systemd") { delegate(facts, missing) } else { manager(facts) }
}

/// Returns the remedy for controllers that systemd does not delegate.
fn delegate(facts: &HostFacts, missing: &[&str]) -> String {
    let uid = facts.user.uid;
    let mut lines = vec![format!("delegate {} to user@{uid}.service:", missing.join(", "))];
    let earlier: Vec<&str> = facts
        .cgroup
        .delegate_files
        .iter()
        .map(String::as_str)
        .filter(|file| *file != DROP_IN)
        .collect();
    lines.push(format!(
        "sudo mkdir -p {}",
        DROP_IN.rsplit_once('/').map_or("", |(directory, _)| directory)
    ));
    lines.push(format!(
        "printf '[Service]\\nDelegate={}\\n' | sudo tee {DROP_IN}",
        CONTROLLERS.join(" ")
    ));
    lines.push("sudo systemctl daemon-reload".to_owned());
    lines.push(format!(
        "sudo systemctl restart user@{uid}.service   # terminates this user's sessions; or reboot"
    ));
    if !earlier.is_empty() {
        lines.push(format!("(Delegate= is also set in {})", earlier.join(", ")));
    }
    lines.join("\n")
}

/// Returns the remedy if Podman does not use systemd as its cgroup manager.
fn manager(facts: &HostFacts) -> String {
    let user = facts.user.label();
    let mut lines =
        vec!["podman does not use systemd to create control groups, but only systemd delegates controllers".to_owned()];
    if facts.session.bus {
        lines.push(
            "remove cgroup_manager from ~/.config/containers/containers.conf and /etc/containers/containers.conf".to_owned(),
        );
        return lines.join("\n");
    }
    lines.push(facts.distribution.install(&[Package::DbusUserSession]));
    lines.push(format!("sudo loginctl enable-linger {user}"));
    lines.push(format!(
        "log in again through ssh or `sudo machinectl shell {user}@` (`su` and `sudo` create no session)"
    ));
    lines.join("\n")
}
