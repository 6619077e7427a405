//! Package names and commands of distributions.

use crate::host::facts::Distribution;

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackageManager {
    /// Debian, Ubuntu and their derivatives.
    Apt,
    /// Fedora and Red Hat.
    Dnf,
    /// Fedora's image-based editions.
    RpmOstree,
    /// openSUSE and SUSE.
    Zypper,
    /// Arch Linux.
    Pacman,
    /// Alpine.
    Apk,
    /// Any other package manager.
    Unknown,
}

/// A package that rootless clusters need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Package {
    /// Podman with an OCI runtime.
    Podman,
    /// `newuidmap` and `newgidmap`.
    UidMap,
    /// `slirp4netns`.
    Slirp4netns,
    /// `pasta`.
    Pasta,
    /// `fuse-overlayfs`.
    FuseOverlayfs,
    /// Netavark.
    Netavark,
    /// Netavark's DNS server.
    AardvarkDns,
    /// `iptables`, which Netavark calls unless it was built for nftables.
    Iptables,
    /// `nft`, which Netavark calls if it was built for nftables, as in Debian 13 and Fedora 41.
    Nftables,
    /// The session bus of a user.
    DbusUserSession,
}

impl Package {
    /// Returns the package's name in a package manager.
    fn name(self, manager: PackageManager) -> &'static str {
        use PackageManager as M;
        match (self, manager) {
            (Self::Podman, _) => "podman",
            (Self::UidMap, M::Apt) => "uidmap",
            (Self::UidMap, M::Dnf | M::RpmOstree) => "shadow-utils",
            (Self::UidMap, M::Apk) => "shadow-subids",
            (Self::UidMap, _) => "shadow",
            (Self::Slirp4netns, _) => "slirp4netns",
            (Self::Pasta, _) => "passt",
            (Self::FuseOverlayfs, _) => "fuse-overlayfs",
            (Self::Netavark, _) => "netavark",
            (Self::AardvarkDns, _) => "aardvark-dns",
            (Self::Iptables, M::Dnf | M::RpmOstree) => "iptables-nft",
            (Self::Iptables, _) => "iptables",
            (Self::Nftables, _) => "nftables",
            (Self::DbusUserSession, M::Apt) => "dbus-user-session",
            (Self::DbusUserSession, M::Dnf | M::RpmOstree) => "dbus-broker",
            (Self::DbusUserSession, M::Zypper) => "dbus-1",
            (Self::DbusUserSession, _) => "dbus",
        }
    }
}

impl Distribution {
    /// Returns the package manager.
    pub(super) fn package_manager(&self) -> PackageManager {
        std::iter::once(&self.id)
            .chain(&self.like)
            .find_map(|id| match id.as_str() {
                "debian" | "ubuntu" => Some(PackageManager::Apt),
                "fedora" | "rhel" | "centos" if self.ostree => Some(PackageManager::RpmOstree),
                "fedora" | "rhel" | "centos" => Some(PackageManager::Dnf),
                "suse" | "opensuse" | "sles" => Some(PackageManager::Zypper),
                "arch" => Some(PackageManager::Pacman),
                "alpine" => Some(PackageManager::Apk),
                _ => None,
            })
            .unwrap_or(PackageManager::Unknown)
    }

    /// Returns the command that installs packages.
    pub(super) fn install(&self, packages: &[Package]) -> String {
        let manager = self.package_manager();
        let names = packages.iter().map(|package| package.name(manager)).collect::<Vec<_>>();
        let names = names.join(" ");
        match manager {
            PackageManager::Apt => format!("sudo apt-get install {names}"),
            PackageManager::Dnf => format!("sudo dnf install {names}"),
            PackageManager::RpmOstree => {
                format!("sudo rpm-ostree install --apply-live {names}")
            }
            PackageManager::Zypper => format!("sudo zypper install {names}"),
            PackageManager::Pacman => format!("sudo pacman -S --needed {names}"),
            PackageManager::Apk => format!("sudo apk add {names}"),
            PackageManager::Unknown => {
                format!("install {names} with your distribution's package manager")
            }
        }
    }

    /// Returns the steps that add an argument to the kernel command line.
    pub(super) fn kernel_argument(&self, argument: &str) -> String {
        match self.package_manager() {
            PackageManager::Apt => format!(
                "add `{argument}` to GRUB_CMDLINE_LINUX in /etc/default/grub\nsudo update-grub && sudo reboot"
            ),
            PackageManager::Dnf => {
                format!("sudo grubby --update-kernel=ALL --args={argument}\nsudo reboot")
            }
            PackageManager::RpmOstree => {
                format!("sudo rpm-ostree kargs --append={argument} --reboot")
            }
            _ => format!(
                "add `{argument}` to the kernel command line in your boot loader's configuration, and reboot"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn install_uses_the_distributions_package_manager() {
        let debian = Distribution { id: "debian".into(), ..Distribution::default() };
        assert_eq!(debian.install(&[Package::UidMap]), "sudo apt-get install uidmap");
    }
}
