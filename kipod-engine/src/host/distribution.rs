//! Which distribution this is, and what its packages are called.

use serde::Serialize;

use super::source::Root;

/// What `/etc/os-release` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// `ID`: `debian`, `ubuntu`, `fedora`, ...; empty when there is no such file.
    pub id: String,
    /// `ID_LIKE`: the distributions it is derived from.
    pub like: Vec<String>,
    /// `VERSION_ID`; empty for rolling distributions.
    pub version: String,
    /// `PRETTY_NAME`, for people.
    pub name: String,
    /// Whether `/usr` is an image that packages are layered on (`/run/ostree-booted`).
    pub ostree: bool,
}

/// How a distribution installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageManager {
    /// Debian, Ubuntu and what is derived from them.
    Apt,
    /// Fedora and Red Hat's.
    Dnf,
    /// Fedora's image-based editions.
    RpmOstree,
    /// openSUSE and SUSE.
    Zypper,
    /// Arch Linux.
    Pacman,
    /// Alpine.
    Apk,
    /// Something else.
    Unknown,
}

/// What kipod needs of a distribution, by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    /// Podman itself with its runtime.
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
    /// Netavark's name server.
    AardvarkDns,
    /// `iptables`, which Netavark calls unless it was built for nftables.
    Iptables,
    /// `nft`, which Netavark calls if it was built for nftables, as in Debian 13 and Fedora 41.
    Nftables,
    /// The session bus of a user.
    DbusUserSession,
}

impl Package {
    /// The package's name for a package manager.
    pub fn name(self, manager: PackageManager) -> &'static str {
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
    /// Reads `/etc/os-release`, or `/usr/lib/os-release` where that is missing.
    pub(super) fn read(root: &Root) -> Self {
        let text = root
            .read("/etc/os-release")
            .or_else(|| root.read("/usr/lib/os-release"))
            .unwrap_or_default();
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.trim().split_once('='))
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value.trim_matches(['"', '\'']).to_owned())
                .unwrap_or_default()
        };
        Self {
            id: value("ID"),
            like: value("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
            version: value("VERSION_ID"),
            name: value("PRETTY_NAME"),
            ostree: root.exists("/run/ostree-booted"),
        }
    }

    /// What installs packages here.
    pub fn package_manager(&self) -> PackageManager {
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

    /// The line that installs those packages here.
    ///
    /// ```
    /// use kipod_engine::host::{Distribution, Package};
    ///
    /// let debian = Distribution { id: "debian".into(), ..Distribution::default() };
    /// assert_eq!(debian.install(&[Package::UidMap]), "sudo apt-get install uidmap");
    /// ```
    pub fn install(&self, packages: &[Package]) -> String {
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

    /// How an argument gets on the kernel's command line here.
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
                "add `{argument}` to the kernel's command line in your boot loader's configuration, and reboot"
            ),
        }
    }
}
