//! Podman itself.

use semver::Version;

use crate::host::distribution::{Distribution, Package, PackageManager};
use crate::host::facts::HostFacts;
use crate::host::finding::Finding;
use crate::podman::STALE;

/// The oldest Podman kipod works with: Netavark, and with it fixed addresses, came with 4.0.
const OLDEST: Version = Version::new(4, 0, 0);

/// All that a rootless cluster needs from the package manager.
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
            "podman is not installed, so storage and networks were not looked at",
            facts.distribution.install(ALL),
        );
    }
    if let Some(version) = podman.version.as_ref().filter(|version| **version < OLDEST) {
        return Finding::fail(
            CHECK,
            format!("podman {version} is older than {OLDEST}"),
            newer(&facts.distribution),
        );
    }
    let version =
        podman.version.as_ref().map_or("of unknown version".to_owned(), Version::to_string);
    let Some(info) = &podman.info else {
        let problem = podman.problem.as_deref().unwrap_or("no answer");
        let remedy = match problem.contains(STALE) {
            true => {
                "podman system migrate   # podman goes by notes of processes that ended with your last session"
            }
            false => {
                "look at the other failures first; then run `podman info` as this user until it works"
            }
        };
        return Finding::fail(
            CHECK,
            format!(
                "podman {version} cannot describe itself, so storage and networks were not looked at: {problem}"
            ),
            remedy,
        );
    };
    if info.remote {
        return Finding::fail(
            CHECK,
            format!("podman {version} is a client of a service elsewhere"),
            "unset CONTAINER_HOST CONTAINER_CONNECTION\nrun kipod on the machine where the service runs",
        );
    }
    let runtime = if info.runtime.is_empty() { "an unknown runtime" } else { &info.runtime };
    Finding::pass(CHECK, format!("podman {version} with {runtime}"))
}

/// Where a Podman that is new enough comes from.
fn newer(distribution: &Distribution) -> String {
    let upgrade = match (distribution.id.as_str(), distribution.package_manager()) {
        ("ubuntu", _) => "upgrade to Ubuntu 24.04 or later: `sudo do-release-upgrade`",
        ("debian", _) => "upgrade to Debian 12 or later",
        (_, PackageManager::Dnf) => "sudo dnf upgrade podman",
        (_, PackageManager::RpmOstree) => "sudo rpm-ostree upgrade",
        (_, PackageManager::Zypper) => "sudo zypper update podman",
        (_, PackageManager::Pacman) => "sudo pacman -Syu podman",
        (_, PackageManager::Apk) => "sudo apk upgrade podman",
        _ => "upgrade the distribution",
    };
    format!("{upgrade}\n(its packages must hold podman {OLDEST} or later)")
}

pub(super) fn rootless(facts: &HostFacts, rootless: bool) -> Finding {
    const CHECK: &str = "rootless";
    if rootless {
        return Finding::pass(CHECK, format!("runs as {}", who(facts)));
    }
    Finding::fail(
        CHECK,
        "runs as root: nodes would have all rights on this machine, and kubelet would change its kernel's settings (the rights of ordinary users were not looked at)",
        "run kipod as an ordinary user\nfor a new one: sudo useradd --create-home --shell /bin/bash kipod && sudo machinectl shell kipod@",
    )
}

fn who(facts: &HostFacts) -> String {
    match &facts.user.name {
        Some(name) => format!("{name} (uid {})", facts.user.uid),
        None => format!("uid {}", facts.user.uid),
    }
}
