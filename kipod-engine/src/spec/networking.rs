//! The networking settings of a cluster.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{DualStack, IpFamily, Subnet, Subnet6};
use crate::util::string_enum::string_enum;

/// The internal addresses of the node of a one-node cluster. They exist only on the loopback interface
/// of the node, so Kubernetes keeps its addresses when the node gets other ones on the network.
pub(crate) const INTERNAL_NODE_ADDRESSES: DualStack<Ipv4Addr, Ipv6Addr> = DualStack::new(
    Ipv4Addr::new(172, 31, 255, 1),
    Ipv6Addr::new(0xfd00, 0x172, 0x31, 0x255, 0, 0, 0, 1),
);

/// The address of the host in nodes and pods. Each node forwards it to the address at which it reaches the
/// host, which can change whenever the node is started.
pub(crate) const INTERNAL_HOST_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 255, 2);

/// The CIDRs that contain all addresses.
pub(crate) const ANY_ADDRESS: DualStack<&str, &str> = DualStack::new("0.0.0.0/0", "::/0");

/// The prefix lengths of a node's pod CIDRs, which are the defaults of kube-controller-manager.
pub(crate) const NODE_POD_CIDR_LENGTHS: DualStack<u8, u8> = DualStack::new(24, 64);

string_enum! {
    /// The mode of kube-proxy.
    ///
    /// ```
    /// use kipod_engine::ClusterSpec;
    /// use kipod_engine::spec::{KubeProxyMode, Networking};
    ///
    /// let mut networking = Networking::default();
    /// assert_eq!(networking.kube_proxy_mode, KubeProxyMode::Iptables);
    /// networking.kube_proxy_mode = KubeProxyMode::Nftables;
    /// let spec = ClusterSpec::builder("demo").networking(networking).build()?;
    /// # let _ = spec;
    /// # Ok::<(), kipod_engine::spec::ValidationErrors>(())
    /// ```
    pub enum KubeProxyMode: "a kube-proxy mode" {
        /// iptables rules.
        Iptables = "iptables",
        /// nftables rules.
        Nftables = "nftables",
        /// IP Virtual Server of the kernel.
        Ipvs = "ipvs",
        /// No kube-proxy.
        None = "none",
    }
}

/// The networking settings of a cluster.
///
/// ```
/// use kipod_engine::ClusterSpec;
/// use kipod_engine::spec::{IpFamily, Networking};
///
/// let mut networking = Networking::of(IpFamily::Ipv6);
/// networking.api_server_port = Some(6443);
/// networking.dns_search = Some(vec!["example.com".to_owned()]);
/// let spec = ClusterSpec::builder("demo").networking(networking).build()?;
/// assert_eq!(spec.networking.api_server_address.to_string(), "::1");
/// # Ok::<(), kipod_engine::spec::ValidationErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Serialized", into = "Serialized")]
#[non_exhaustive]
pub struct Networking {
    /// The IP families of pods and Services. Default: IPv4.
    pub ip_family: IpFamily,
    /// The pod subnets, of which each node gets a /24, or a /64 of IPv6. Default: `10.244.0.0/16` and
    /// `fd00:10:244::/56`. The subnet of an unused family is ignored.
    pub pod_subnet: DualStack<Subnet, Subnet6>,
    /// The Service subnets. Default: `10.96.0.0/16` and `fd00:10:96::/112`. The subnet of an unused
    /// family is ignored.
    pub service_subnet: DualStack<Subnet, Subnet6>,
    /// The host address on which the API server is published. Default: `127.0.0.1`, or `::1` in an
    /// IPv6 cluster.
    pub api_server_address: IpAddr,
    /// The host port on which the API server is published. Default: `None`, a free port.
    pub api_server_port: Option<u16>,
    /// `true` if the user installs the pod network: nodes are not ready before that. Default: `false`.
    pub disable_default_cni: bool,
    /// The mode of kube-proxy. Default: iptables.
    pub kube_proxy_mode: KubeProxyMode,
    /// The DNS search domains of the nodes. Default: `None`, those of the host.
    pub dns_search: Option<Vec<String>>,
}

impl Networking {
    /// Returns the default settings of an IP family.
    pub fn of(ip_family: IpFamily) -> Self {
        let subnet = |a, b| Subnet::around(Ipv4Addr::new(a, b, 0, 0), 16).expect("16 is below 32");
        let subnet6 = |part, length| {
            let address = Ipv6Addr::new(0xfd00, 0x10, part, 0, 0, 0, 0, 0);
            Subnet6::around(address, length).expect("112 is below 128")
        };
        let api_server_address = match ip_family {
            IpFamily::Ipv6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        Self {
            ip_family,
            pod_subnet: DualStack::new(subnet(10, 244), subnet6(0x244, 56)),
            service_subnet: DualStack::new(subnet(10, 96), subnet6(0x96, 112)),
            api_server_address,
            api_server_port: None,
            disable_default_cni: false,
            kube_proxy_mode: KubeProxyMode::default(),
            dns_search: None,
        }
    }

    /// Returns the pod subnets of the cluster's IP families.
    pub fn pod_subnets(&self) -> Vec<IpNet> {
        self.pod_subnet.each(self.ip_family)
    }

    /// Returns the Service subnets of the cluster's IP families.
    pub fn service_subnets(&self) -> Vec<IpNet> {
        self.service_subnet.each(self.ip_family)
    }
}

impl Default for Networking {
    fn default() -> Self {
        Self::of(IpFamily::default())
    }
}

/// The serialised form in cluster records, with a field for each subnet.
#[derive(Serialize, Deserialize)]
struct Serialized {
    ip_family: IpFamily,
    pod_subnet: Subnet,
    service_subnet: Subnet,
    pod_subnet6: Subnet6,
    service_subnet6: Subnet6,
    api_server_address: IpAddr,
    api_server_port: Option<u16>,
    disable_default_cni: bool,
    kube_proxy_mode: KubeProxyMode,
    dns_search: Option<Vec<String>>,
}

impl From<Serialized> for Networking {
    fn from(form: Serialized) -> Self {
        Self {
            ip_family: form.ip_family,
            pod_subnet: DualStack::new(form.pod_subnet, form.pod_subnet6),
            service_subnet: DualStack::new(form.service_subnet, form.service_subnet6),
            api_server_address: form.api_server_address,
            api_server_port: form.api_server_port,
            disable_default_cni: form.disable_default_cni,
            kube_proxy_mode: form.kube_proxy_mode,
            dns_search: form.dns_search,
        }
    }
}

impl From<Networking> for Serialized {
    fn from(networking: Networking) -> Self {
        Self {
            ip_family: networking.ip_family,
            pod_subnet: networking.pod_subnet.v4,
            service_subnet: networking.service_subnet.v4,
            pod_subnet6: networking.pod_subnet.v6,
            service_subnet6: networking.service_subnet.v6,
            api_server_address: networking.api_server_address,
            api_server_port: networking.api_server_port,
            disable_default_cni: networking.disable_default_cni,
            kube_proxy_mode: networking.kube_proxy_mode,
            dns_search: networking.dns_search,
        }
    }
}
