//! The kernel and what of it is built in, loaded or to be loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde::Serialize;

use super::source::Root;

/// The kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// What `uname -r` says.
    pub release: String,
    /// The first two numbers of the release.
    pub version: Option<(u32, u32)>,
    /// Whether modules can no longer be loaded (sysctl `kernel.modules_disabled`).
    pub modules_disabled: bool,
    /// The modules asked about, by name.
    pub modules: BTreeMap<String, ModuleState>,
}

/// Where a part of the kernel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModuleState {
    /// Built into the kernel.
    BuiltIn,
    /// A module that is loaded.
    Loaded,
    /// A module that is installed and not loaded.
    Loadable,
    /// Neither built in nor installed.
    Missing,
    /// The machine does not say: there is neither a module folder nor a kernel configuration.
    Unknown,
}

impl ModuleState {
    /// Whether the kernel has it, or can get it.
    pub fn available(self) -> bool {
        matches!(self, Self::BuiltIn | Self::Loaded | Self::Loadable)
    }
}

/// The modules asked about, each with the kernel's configuration option for it.
///
/// They are what kube-proxy's iptables mode puts into its rules, the CNI plugins `ptp` and
/// `portmap`, Podman's bridge, and overlay mounts.
const MODULES: &[(&str, &str)] = &[
    ("br_netfilter", "BRIDGE_NETFILTER"),
    ("bridge", "BRIDGE"),
    ("ip_tables", "IP_NF_IPTABLES"),
    ("iptable_filter", "IP_NF_FILTER"),
    ("iptable_nat", "IP_NF_NAT"),
    ("nf_conntrack", "NF_CONNTRACK"),
    ("nf_conntrack_netlink", "NF_CT_NETLINK"),
    ("nf_nat", "NF_NAT"),
    ("nf_tables", "NF_TABLES"),
    ("nft_chain_nat", "NFT_NAT"),
    ("nft_compat", "NFT_COMPAT"),
    ("overlay", "OVERLAY_FS"),
    ("veth", "VETH"),
    ("xt_MASQUERADE", "NETFILTER_XT_TARGET_MASQUERADE"),
    ("xt_addrtype", "NETFILTER_XT_MATCH_ADDRTYPE"),
    ("xt_comment", "NETFILTER_XT_MATCH_COMMENT"),
    ("xt_conntrack", "NETFILTER_XT_MATCH_CONNTRACK"),
    ("xt_mark", "NETFILTER_XT_MARK"),
    ("xt_nat", "NETFILTER_XT_NAT"),
    ("xt_statistic", "NETFILTER_XT_MATCH_STATISTIC"),
];

/// It is there when the kernel has IPv6: whether networks of the machine itself use it says nothing
/// about others, which begin with it switched on.
pub(crate) const IPV6: &str = "/proc/sys/net/ipv6";

impl Kernel {
    /// Reads `/proc`, `/sys/module`, the module folder and the kernel's configuration.
    pub(super) fn read(root: &Root) -> Self {
        let release = root.read("/proc/sys/kernel/osrelease").unwrap_or_default();
        let release = release.trim().to_owned();
        let known = Known::read(root, &release);
        Self {
            version: version(&release),
            modules_disabled: root.number("/proc/sys/kernel/modules_disabled") == Some(1),
            modules: MODULES
                .iter()
                .map(|(name, option)| ((*name).to_owned(), known.state(root, name, option)))
                .collect(),
            release,
        }
    }

    /// Whether the kernel is that version or a later one.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        self.version.is_some_and(|version| version >= (major, minor))
    }

    /// Where a module is; [`ModuleState::Unknown`] for one that was not asked about.
    pub fn module(&self, name: &str) -> ModuleState {
        self.modules.get(name).copied().unwrap_or(ModuleState::Unknown)
    }
}

/// The first two numbers of a release such as `6.8.0-41-generic` or `6.18-rc3`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The lists that tell where a module is.
struct Known {
    loaded: BTreeSet<String>,
    built_in: Option<BTreeSet<String>>,
    loadable: Option<BTreeSet<String>>,
    configuration: Option<BTreeMap<String, String>>,
}

impl Known {
    fn read(root: &Root, release: &str) -> Self {
        // /usr/lib holds them where /lib is not a link to it.
        let list = |file: &str| {
            ["/lib/modules", "/usr/lib/modules"]
                .iter()
                .find_map(|folder| root.read(format!("{folder}/{release}/{file}")))
                .map(|text| text.lines().filter_map(module_of_path).collect())
        };
        Self {
            loaded: root
                .read("/proc/modules")
                .unwrap_or_default()
                .lines()
                .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
                .collect(),
            built_in: list("modules.builtin"),
            loadable: list("modules.dep"),
            configuration: configuration(root, release),
        }
    }

    fn state(&self, root: &Root, name: &str, option: &str) -> ModuleState {
        let has = |list: &Option<BTreeSet<String>>| {
            list.as_ref().is_some_and(|names| names.contains(name))
        };
        let configured = self.configuration.as_ref().map(|options| options.get(option));
        if self.loaded.contains(name) {
            ModuleState::Loaded
        } else if has(&self.built_in)
            || configured.flatten().is_some_and(|value| value == "y")
            // Only what is built in or loaded has a folder here, and it is not loaded.
            || root.exists(format!("/sys/module/{name}"))
        {
            ModuleState::BuiltIn
        } else if has(&self.loadable) {
            ModuleState::Loadable
        } else if self.built_in.is_some() && self.loadable.is_some() || configured == Some(None) {
            ModuleState::Missing
        } else {
            // With `=m` and no module folder, nobody can tell whether the module is to be had:
            // containers that share the host's kernel look like that.
            ModuleState::Unknown
        }
    }
}

/// The name of the module at a line of `modules.builtin` or `modules.dep`:
/// `kernel/net/netfilter/xt_mark.ko.zst: kernel/...`.
fn module_of_path(line: &str) -> Option<String> {
    let path = line.split(':').next()?;
    let name = path.rsplit('/').next()?.split(".ko").next()?;
    // File names have a dash where the module's own name has an underscore, now and then.
    (!name.is_empty()).then(|| name.replace('-', "_"))
}

/// The kernel's configuration without the `CONFIG_` before each name.
fn configuration(root: &Root, release: &str) -> Option<BTreeMap<String, String>> {
    let packed = || {
        let bytes = root.read_bytes("/proc/config.gz")?;
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).ok()?;
        Some(text)
    };
    let text = packed()
        .or_else(|| root.read(format!("/boot/config-{release}")))
        .or_else(|| root.read(format!("/lib/modules/{release}/config")))?;
    Some(
        text.lines()
            .filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        let cases = [
            ("6.8.0-41-generic", Some((6, 8))),
            ("6.18-rc3", Some((6, 18))),
            ("5.11.12-300.fc34.x86_64", Some((5, 11))),
            ("", None),
        ];
        for (release, expected) in cases {
            assert_eq!(version(release), expected, "{release}");
        }
    }

    #[test]
    fn module_paths() {
        let line = "kernel/net/netfilter/xt_mark.ko.zst: kernel/net/netfilter/x_tables.ko.zst";
        assert_eq!(module_of_path(line).as_deref(), Some("xt_mark"));
        assert_eq!(module_of_path("kernel/drivers/net/veth.ko").as_deref(), Some("veth"));
    }
}
