//! Reads Podman's networking.

use std::path::PathBuf;

use serde_json::Value;

use super::containers_conf::ContainersConf;
use super::podman::{HELPER_DIRECTORIES, version_at};
use super::sources::Sources;
use crate::host::facts::{NetworkFacts, PodmanFacts};

/// Exists if the kernel has IPv6. Settings of the host's own networks do not matter: other networks
/// start with IPv6 enabled.
const IPV6: &str = "/proc/sys/net/ipv6";

/// Reads the network section of `podman info`, and finds the programs.
pub(super) fn network(
    sources: &Sources,
    podman: &PodmanFacts,
    conf: &ContainersConf,
) -> NetworkFacts {
    let info = sources.podman.info();
    let text = |pointer: &str| info.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let path = |pointer: &str| text(pointer).filter(|path| !path.is_empty()).map(PathBuf::from);
    let rootless = podman.info.as_ref().is_some_and(|info| info.rootless);
    // Podman reports it since 5.0. Older versions use slirp4netns for networks.
    let command =
        text("/host/rootlessNetworkCmd").or_else(|| rootless.then(|| "slirp4netns".to_owned()));
    let program = command.as_ref().and_then(|name| {
        path(&format!("/host/{name}/executable"))
            .or_else(|| sources.program(name, HELPER_DIRECTORIES))
    });
    let driver = firewall_driver(sources, conf);
    let firewall = match driver.as_str() {
        "iptables" => sources.program("iptables", &[]),
        "nftables" => sources.program("nft", &[]),
        _ => None,
    };
    NetworkFacts {
        backend: text("/host/networkBackend"),
        netavark: sources.netavark.as_ref().and_then(|value| version_at(value, "/version")),
        rootless_command: command,
        rootless_program: program,
        aardvark_dns: path("/host/networkBackendInfo/dns/path")
            .or_else(|| sources.program("aardvark-dns", HELPER_DIRECTORIES)),
        firewall_driver: driver,
        firewall,
        ipv6: sources.root.exists(IPV6),
    }
}

/// Returns Netavark's firewall driver: the configured one, or the default of its build.
fn firewall_driver(sources: &Sources, conf: &ContainersConf) -> String {
    // Netavark reports its default since 1.13. Older versions default to iptables.
    let default = || sources.netavark.as_ref()?.get("default_fw_driver")?.as_str();
    sources
        .variable("NETAVARK_FW")
        .or_else(|| conf.firewall_driver())
        .or_else(default)
        .unwrap_or("iptables")
        .to_owned()
}
