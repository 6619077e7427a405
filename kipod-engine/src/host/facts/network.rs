//! Podman's networking.

use std::path::PathBuf;

use serde::Serialize;

use super::podman::serialize_version;

/// Podman's networking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkFacts {
    /// The network backend: `netavark` or `cni`.
    pub backend: Option<String>,
    /// Netavark's version, if it reports one.
    #[serde(serialize_with = "serialize_version")]
    pub netavark: Option<semver::Version>,
    /// The program that connects rootless networks to the host: `slirp4netns` or `pasta`.
    pub rootless_command: Option<String>,
    /// The path of that program.
    pub rootless_program: Option<PathBuf>,
    /// The path of Netavark's DNS server.
    pub aardvark_dns: Option<PathBuf>,
    /// Netavark's firewall driver: `iptables`, `nftables`, `firewalld` or `none`.
    pub firewall_driver: String,
    /// The path of the program that the driver calls: `iptables` or `nft`.
    pub firewall: Option<PathBuf>,
    /// `true` if the kernel has IPv6, and it is not disabled on the kernel command line.
    pub ipv6: bool,
}
