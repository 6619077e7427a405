//! Checks of the Podman program.

use semver::Version;

use super::finding::Finding;
use super::packages::{Package, PackageManager};
use crate::host::facts::{Distribution, HostFacts};
use crate::podman::STALE;

/// The oldest supported Podman. 4.0 introduced Netavark, which assigns static addresses.
const OLDEST: Version = Version::new(4, 0, 0);

/// All packages that a rootless cluster needs.
const ALL: &[Package] = &[
    Package::Podman,
    Package::UidMap,
    Package::FuseOverlayfs,
    Package::Slirp4netns,
    Package::Pasta,
    Package::Netavark,
    Package::AardvarkDns,
    Package::Iptables,
    Package::Nftables,
];

pub(super) fn podman(facts: &HostFacts) -> Finding {
    const CHECK: &str = "podman";
    let podman = &facts.podman;
    if !podman.installed {
        return Finding::fail(
            CHECK,
            "podman is not installed, so storage and networks were not checked",
            facts.distribution.install(ALL),
        );
    }
    if let Some(version) = podman.version.as_ref().filter(|version| **version < OLDEST) {
        return Finding::fail(
            CHECK,
            format!("podman {version} is older than {OLDEST}"),
            upgrade(&facts.distribution),
        );
    }
    let version =
        podman.version.as_ref().map_or("of unknown version".to_owned(), Version::to_string);
    let Some(info) = &podman.info else {
        let problem = podman.problem.as_deref().unwrap_or("no output");
        let remedy = match problem.contains(STALE) {
            true => {
                "podman system migrate   # removes the state of processes that ended with your last session"
            }
            false => "fix the other failures first, then run `podman info` as this user",
        };
        return Finding::fail(
            CHECK,
            format!(
                "`podman info` of podman {version} failed, so storage and networks were not checked: {problem}"
            ),
            remedy,
        );
    };
    if info.remote {
        return Finding::fail(
            CHECK,
            format!("podman {version} is a client of a remote service"),
            "unset CONTAINER_HOST CONTAINER_CONNECTION\nrun kipod on the host of the service",
        );
    }
    let runtime = if info.runtime.is_empty() { "an unknown runtime" } else { &info.runtime };
    Finding::pass(CHECK, format!("podman {version} with {runtime}"))
}

/// Returns the remedy for a Podman that is too old.
fn upgrade(distribution: &Distribution) -> String {
    let command = match (distribution.id.as_str(), distribution.package_manager()) {
        ("ubuntu", _) => "upgrade to Ubuntu 24.04 or later: `sudo do-release-upgrade`",
        ("debian", _) => "upgrade to Debian 12 or later",
        (_, PackageManager::Dnf) => "sudo dnf upgrade podman",
        (_, PackageManager::RpmOstree) => "sudo rpm-ostree upgrade",
        (_, PackageManager::Zypper) => "sudo zypper update podman",
        (_, PackageManager::Pacman) => "sudo pacman -Syu podman",
        (_, PackageManager::Apk) => "sudo apk upgrade podman",
        _ => "upgrade the distribution",
    };
    format!("{command}\n(podman {OLDEST} or later is needed)")
}

pub(super) fn rootless(facts: &HostFacts, rootless: bool) -> Finding {
    const CHECK: &str = "rootless";
    if rootless {
        return Finding::pass(CHECK, format!("runs as {}", user(facts)));
    }
    Finding::fail(
        CHECK,
        "runs as root: nodes would have root privileges on this host, and kubelet would change its kernel settings (checks of unprivileged users were skipped)",
        "run kipod as an unprivileged user\nto create one: sudo useradd --create-home --shell /bin/bash kipod && sudo machinectl shell kipod@",
    )
}

fn user(facts: &HostFacts) -> String {
    match &facts.user.name {
        Some(name) => format!("{name} (uid {})", facts.user.uid),
        None => format!("uid {}", facts.user.uid),
    }
}
