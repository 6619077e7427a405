//! Checks of Podman's networking.

use super::finding::Finding;
use super::packages::Package;
use crate::host::facts::HostFacts;

pub(super) fn dev_net_tun(facts: &HostFacts) -> Finding {
    const CHECK: &str = "dev_net_tun";
    let device = facts.devices.tun;
    if device.usable {
        Finding::pass(CHECK, "/dev/net/tun is readable and writable")
    } else if device.present {
        Finding::fail(
            CHECK,
            "/dev/net/tun is not accessible to this user; rootless networks need it",
            "echo 'KERNEL==\"tun\", MODE=\"0666\"' | sudo tee /etc/udev/rules.d/60-kipod-tun.rules\nsudo chmod 0666 /dev/net/tun",
        )
    } else {
        Finding::fail(
            CHECK,
            "/dev/net/tun is missing; rootless networks need it",
            "echo tun | sudo tee /etc/modules-load.d/kipod-tun.conf\nsudo modprobe tun",
        )
    }
}

pub(super) fn backend(facts: &HostFacts) -> Finding {
    const CHECK: &str = "network_backend";
    match facts.network.backend.as_deref() {
        Some("netavark") => Finding::pass(CHECK, "netavark"),
        // Observed with Debian 12's Podman 4.3: containers do not find the network created for them.
        Some("cni") => Finding::fail(
            CHECK,
            "cni: nodes do not start with it, and podman 5 does not support it",
            switch_to_netavark(facts),
        ),
        other => Finding::warn(
            CHECK,
            format!("{}: kipod is tested with netavark only", other.unwrap_or("unknown")),
            switch_to_netavark(facts),
        ),
    }
}

fn switch_to_netavark(facts: &HostFacts) -> String {
    format!(
        "{}\nadd `network_backend = \"netavark\"` to `[network]` in ~/.config/containers/containers.conf\npodman system reset   # deletes this user's images, containers and volumes",
        facts.distribution.install(&[Package::Netavark, Package::AardvarkDns])
    )
}

pub(super) fn rootless(facts: &HostFacts) -> Finding {
    const CHECK: &str = "rootless_network";
    let network = &facts.network;
    let command = network.rootless_command.as_deref().unwrap_or("slirp4netns");
    let package = if command == "pasta" { Package::Pasta } else { Package::Slirp4netns };
    if network.rootless_program.is_none() {
        return Finding::fail(
            CHECK,
            format!("podman uses {command} for rootless networks, and it is not installed"),
            facts.distribution.install(&[package]),
        );
    }
    let podman = facts.podman.version.as_ref();
    if let Some(version) = podman.filter(|version| command == "slirp4netns" && version.major >= 6) {
        return Finding::warn(
            CHECK,
            format!(
                "slirp4netns: podman {version} runs containers with it, but cannot build images"
            ),
            format!(
                "{}\nremove `default_rootless_network_cmd` from containers.conf",
                facts.distribution.install(&[Package::Pasta])
            ),
        );
    }
    let found = match command {
        // pasta assigns the host's own address to the network.
        "pasta" => "pasta: pods reach this host as host.containers.internal, not by its IP address",
        _ => "slirp4netns",
    };
    Finding::pass(CHECK, found)
}

pub(super) fn name_server(facts: &HostFacts) -> Finding {
    const CHECK: &str = "name_server";
    match &facts.network.aardvark_dns {
        Some(path) => Finding::pass(CHECK, path.display().to_string()),
        None => Finding::warn(
            CHECK,
            "aardvark-dns is not installed: nodes cannot resolve each other's names",
            facts.distribution.install(&[Package::AardvarkDns]),
        ),
    }
}

pub(super) fn ipv6(facts: &HostFacts) -> Finding {
    const CHECK: &str = "ipv6";
    match facts.network.ipv6 {
        true => Finding::pass(CHECK, "clusters can have IPv6 addresses"),
        false => Finding::warn(
            CHECK,
            "not supported by the kernel: clusters of the IP families `ipv6` and `dual` cannot be created",
            "remove `ipv6.disable=1` from the kernel command line, and reboot",
        ),
    }
}

pub(super) fn firewall(facts: &HostFacts) -> Finding {
    const CHECK: &str = "firewall";
    let driver = facts.network.firewall_driver.as_str();
    let netavark = facts.network.netavark.as_ref();
    if let Some(version) = netavark.filter(|version| driver == "iptables" && version.major >= 2) {
        return Finding::fail(
            CHECK,
            format!(
                "netavark {version} is configured to use iptables, which it does not support since 2.0"
            ),
            format!(
                "remove `firewall_driver` from containers.conf, and NETAVARK_FW from the environment\n{}",
                facts.distribution.install(&[Package::Nftables])
            ),
        );
    }
    let (program, package) = match driver {
        "iptables" => ("iptables", Package::Iptables),
        "nftables" => ("nft", Package::Nftables),
        other => return Finding::pass(CHECK, other),
    };
    match &facts.network.firewall {
        Some(path) => Finding::pass(CHECK, path.display().to_string()),
        None => Finding::fail(
            CHECK,
            format!("{program} is not installed; netavark needs it"),
            facts.distribution.install(&[package]),
        ),
    }
}
