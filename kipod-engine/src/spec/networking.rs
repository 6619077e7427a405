//! The addresses a cluster uses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Subnet, Subnet6};
use crate::util::words::words;

/// The address that a one-node cluster's Kubernetes binds its identity to. It exists inside the node
/// alone, on its loopback interface, so that the node can be given another network address.
pub const INTERNAL_NODE_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 255, 1);
/// The same for IPv6.
pub const INTERNAL_NODE_ADDRESS6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x172, 0x31, 0x255, 0, 0, 0, 1);

/// The length of each node's part of the pod subnet: kube-controller-manager's default for IPv4.
pub const NODE_POD_LENGTH: u8 = 24;
/// The same for IPv6.
pub const NODE_POD_LENGTH6: u8 = 64;

words! {
    /// Which IP addresses pods and Services have.
    pub enum IpFamily: "an IP family" {
        /// IPv4 addresses.
        Ipv4 = "ipv4",
        /// IPv6 addresses.
        Ipv6 = "ipv6",
        /// One of each.
        Dual = "dual",
    }
}

impl IpFamily {
    /// Whether there are IPv4 addresses.
    pub fn has_ipv4(self) -> bool {
        self != Self::Ipv6
    }

    /// Whether there are IPv6 addresses.
    pub fn has_ipv6(self) -> bool {
        self != Self::Ipv4
    }

    /// What there is of a thing that each family has one of. IPv4 comes first: a Service that does
    /// not say which family it wants gets the first one's address.
    pub fn each<T>(self, v4: impl Into<T>, v6: impl Into<T>) -> Vec<T> {
        match self {
            Self::Ipv4 => vec![v4.into()],
            Self::Ipv6 => vec![v6.into()],
            Self::Dual => vec![v4.into(), v6.into()],
        }
    }
}

words! {
    /// How kube-proxy passes on what is sent to Services.
    pub enum KubeProxyMode: "a kube-proxy mode" {
        /// By rules of iptables.
        Iptables = "iptables",
        /// By rules of nftables.
        Nftables = "nftables",
        /// By the kernel's virtual servers.
        Ipvs = "ipvs",
        /// There is no kube-proxy: something else passes it on, or nothing does.
        None = "none",
    }
}

/// The addresses a cluster uses, and how they are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Networking {
    /// Which addresses pods and Services have; IPv4 by default.
    pub ip_family: IpFamily,
    /// Where pods get their IPv4 addresses from; `10.244.0.0/16` by default. Each node gets a /24 of
    /// it. Without meaning where the family has no IPv4, as are the others of the other family.
    pub pod_subnet: Subnet,
    /// Where Services get their IPv4 addresses from; `10.96.0.0/16` by default.
    pub service_subnet: Subnet,
    /// Where pods get their IPv6 addresses from; `fd00:10:244::/56` by default. Each node gets a /64
    /// of it.
    pub pod_subnet6: Subnet6,
    /// Where Services get their IPv6 addresses from; `fd00:10:96::/112` by default.
    pub service_subnet6: Subnet6,
    /// The host's address that the API server is published on; `127.0.0.1` by default, and `::1`
    /// where there is only IPv6.
    pub api_server_address: IpAddr,
    /// The host's TCP port that the API server is published on; `None` is any free one.
    pub api_server_port: Option<u16>,
    /// Whether the network of pods is left to the user: nodes are not ready until one is installed.
    /// It is not by default.
    pub disable_default_cni: bool,
    /// How kube-proxy works; with iptables by default.
    pub kube_proxy_mode: KubeProxyMode,
    /// The domains in which nodes search for names; `None`, the default, is the host's.
    pub dns_search: Option<Vec<String>>,
}

impl Networking {
    /// What an IP family has by default.
    pub fn of(ip_family: IpFamily) -> Self {
        let subnet = |a, b| Subnet::around(Ipv4Addr::new(a, b, 0, 0), 16).expect("16 is below 32");
        let subnet6 = |part, length| {
            let address = Ipv6Addr::new(0xfd00, 0x10, part, 0, 0, 0, 0, 0);
            Subnet6::around(address, length).expect("112 is below 128")
        };
        let api_server_address = match ip_family {
            IpFamily::Ipv6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpFamily::Ipv4 | IpFamily::Dual => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        Self {
            ip_family,
            pod_subnet: subnet(10, 244),
            service_subnet: subnet(10, 96),
            pod_subnet6: subnet6(0x244, 56),
            service_subnet6: subnet6(0x96, 112),
            api_server_address,
            api_server_port: None,
            disable_default_cni: false,
            kube_proxy_mode: KubeProxyMode::default(),
            dns_search: None,
        }
    }
}

impl Networking {
    /// Where pods get their addresses from, in each family there is.
    pub fn pod_subnets(&self) -> Vec<IpNet> {
        self.ip_family.each(self.pod_subnet, self.pod_subnet6)
    }

    /// Where Services get their addresses from, in each family there is.
    pub fn service_subnets(&self) -> Vec<IpNet> {
        self.ip_family.each(self.service_subnet, self.service_subnet6)
    }
}

/// What there is of each family, as Kubernetes and configuration files take it: `10.0.0.1,fd00::1`.
pub(crate) fn listed<T: std::fmt::Display>(each: &[T]) -> String {
    each.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

impl Default for Networking {
    fn default() -> Self {
        Self::of(IpFamily::default())
    }
}
