//! Checks of kernel modules for kube-proxy and pod networks.

use super::finding::Finding;
use crate::host::facts::{HostFacts, ModuleState};

/// The modules of iptables' nf_tables backend, and of its legacy backend. One complete set is needed.
const BACKENDS: [&[&str]; 2] = [
    &["nf_tables", "nft_compat", "nft_chain_nat"],
    &["ip_tables", "iptable_filter", "iptable_nat"],
];

/// Modules that are always needed. `br_netfilter` is not, because kipod's pod network is routed.
const NEEDED: &[&str] = &[
    "bridge",
    "nf_conntrack",
    "nf_nat",
    "overlay",
    "veth",
    "xt_MASQUERADE",
    "xt_addrtype",
    "xt_comment",
    "xt_conntrack",
    "xt_mark",
    "xt_nat",
    "xt_statistic",
];

pub(super) fn modules(facts: &HostFacts) -> Finding {
    const CHECK: &str = "kernel_modules";
    let kernel = &facts.kernel;
    let state = |name: &str| kernel.module(name);
    // If loading is disabled, a module that is not loaded is missing.
    let lacks = |name: &str| match state(name) {
        ModuleState::Missing => true,
        ModuleState::Loadable => kernel.modules_disabled,
        _ => false,
    };
    let mut missing: Vec<&str> = NEEDED.iter().copied().filter(|name| lacks(name)).collect();
    if BACKENDS.iter().all(|set| set.iter().any(|name| lacks(name))) {
        missing.extend(BACKENDS[0].iter().copied().filter(|name| lacks(name)));
    }
    if !missing.is_empty() {
        let names = missing.join(", ");
        return if kernel.modules_disabled {
            Finding::fail(
                CHECK,
                format!(
                    "{names} not loaded, and loading modules is disabled (kernel.modules_disabled)"
                ),
                format!(
                    "echo {} | tr ' ' '\\n' | sudo tee /etc/modules-load.d/kipod.conf\nsudo reboot",
                    missing.join(" ")
                ),
            )
        } else {
            Finding::fail(
                CHECK,
                format!("not available in kernel {}: {names}", kernel.release),
                extra_modules(facts),
            )
        };
    }
    let of = |wanted: ModuleState| -> Vec<&str> {
        BACKENDS[0].iter().chain(NEEDED).copied().filter(|name| state(name) == wanted).collect()
    };
    let unknown = of(ModuleState::Unknown);
    if !unknown.is_empty() {
        return Finding::warn(
            CHECK,
            format!(
                "cannot determine whether kernel {} has {}",
                kernel.release,
                unknown.join(", ")
            ),
            "create a cluster to find out; kube-proxy logs missing modules",
        );
    }
    match of(ModuleState::Loadable).len() {
        0 => Finding::pass(CHECK, "all built in or loaded"),
        count => Finding::pass(CHECK, format!("all available, {count} of them loaded on demand")),
    }
}

fn extra_modules(facts: &HostFacts) -> String {
    let release = &facts.kernel.release;
    match facts.distribution.id.as_str() {
        "ubuntu" => format!("sudo apt-get install linux-modules-extra-{release}"),
        "debian" => "boot Debian's own kernel: sudo apt-get install linux-image-amd64 && sudo reboot\n(the cloud kernel has fewer modules)".to_owned(),
        "fedora" | "rhel" | "centos" | "rocky" | "almalinux" => {
            format!("sudo dnf install kernel-modules-{release} kernel-modules-extra-{release}")
        }
        _ => "boot your distribution's own kernel, or install its extra modules; reboot after a kernel upgrade".to_owned(),
    }
}
