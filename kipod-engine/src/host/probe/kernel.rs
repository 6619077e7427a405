//! Reads the kernel's release, modules and configuration.

use std::collections::{BTreeMap, BTreeSet};

use super::root::Root;
use crate::host::facts::{Kernel, ModuleState};
use crate::util::bounded::{self, TEXT_LIMIT};

/// The modules that clusters use, each with its option in the kernel configuration.
///
/// They are needed by kube-proxy's iptables mode, the CNI plugins `ptp` and `portmap`, Podman's
/// bridge, and overlay mounts.
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

/// Exists if the kernel has the module `ip_vs`. Source: ipvsadm(8), "FILES".
const VIRTUAL_SERVERS: &str = "/proc/net/ip_vs";

/// Reads `/proc`, `/sys/module`, the module directory and the kernel configuration.
pub(super) fn kernel(root: &Root) -> Kernel {
    let release = root.read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim().to_owned();
    let lists = ModuleLists::read(root, &release);
    Kernel {
        version: version(&release),
        modules_disabled: root.number("/proc/sys/kernel/modules_disabled") == Some(1),
        ip_vs: root.exists(VIRTUAL_SERVERS),
        modules: MODULES
            .iter()
            .map(|(name, option)| ((*name).to_owned(), lists.state(root, name, option)))
            .collect(),
        release,
    }
}

/// Parses the first two numbers of a release such as `6.8.0-41-generic` or `6.18-rc3`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The lists of loaded, built-in and installed modules.
struct ModuleLists {
    loaded: BTreeSet<String>,
    built_in: Option<BTreeSet<String>>,
    loadable: Option<BTreeSet<String>>,
    configuration: Option<BTreeMap<String, String>>,
}

impl ModuleLists {
    fn read(root: &Root, release: &str) -> Self {
        // /lib is not a link to /usr/lib on every distribution.
        let list = |file: &str| {
            ["/lib/modules", "/usr/lib/modules"]
                .iter()
                .find_map(|directory| root.read(format!("{directory}/{release}/{file}")))
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
            // Only modules that are built in or loaded have a directory here, and it is not loaded.
            || root.exists(format!("/sys/module/{name}"))
        {
            ModuleState::BuiltIn
        } else if has(&self.loadable) {
            ModuleState::Loadable
        } else if self.built_in.is_some() && self.loadable.is_some() || configured == Some(None) {
            ModuleState::Missing
        } else {
            // With `=m` and no module directory, the module may be installed or not: this is the
            // case in containers, which share the host's kernel.
            ModuleState::Unknown
        }
    }
}

/// Parses the name of a module from a line of `modules.builtin` or `modules.dep`:
/// `kernel/net/netfilter/xt_mark.ko.zst: kernel/...`.
fn module_of_path(line: &str) -> Option<String> {
    let path = line.split(':').next()?;
    let name = path.rsplit('/').next()?.split(".ko").next()?;
    // Some file names have a dash where the module's name has an underscore.
    (!name.is_empty()).then(|| name.replace('-', "_"))
}

/// Reads the kernel configuration, without the prefix `CONFIG_` of each name.
fn configuration(root: &Root, release: &str) -> Option<BTreeMap<String, String>> {
    let packed = || {
        let bytes = root.read_bytes("/proc/config.gz")?;
        let decoder = flate2::read::GzDecoder::new(bytes.as_slice());
        String::from_utf8(bounded::read_stream(decoder, TEXT_LIMIT).ok()?).ok()
    };
    let text = packed()
        .or_else(|| root.read(format!("/boot/config-{release}")))
        .or_else(|| root.read(format!("/lib/modules/{release}/config")))?;
    Some(options(&text))
}

/// Parses a kernel configuration.
fn options(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Parses any release, list of modules or configuration, for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(super) fn parse_any(text: &str) {
    let _ = version(text);
    let _ = options(text);
    let _ = text.lines().filter_map(module_of_path).count();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_parses_kernel_releases() {
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
    fn module_of_path_parses_file_names() {
        let line = "kernel/net/netfilter/xt_mark.ko.zst: kernel/net/netfilter/x_tables.ko.zst";
        assert_eq!(module_of_path(line).as_deref(), Some("xt_mark"));
        assert_eq!(module_of_path("kernel/drivers/net/veth.ko").as_deref(), Some("veth"));
    }
}
