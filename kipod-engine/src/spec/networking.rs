//! The addresses a cluster uses.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::Subnet;

/// The address that a one-node cluster's Kubernetes binds its identity to. It exists inside the node
/// alone, on its loopback interface, so that the node can be given another network address.
pub const INTERNAL_NODE_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 255, 1);

/// The length of each node's part of the pod subnet: kube-controller-manager's default for IPv4.
pub const NODE_POD_LENGTH: u8 = 24;

/// The addresses a cluster uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Networking {
    /// Where pods get their addresses from; `10.244.0.0/16` by default. Each node gets a /24 of it.
    pub pod_subnet: Subnet,
    /// Where Services get their addresses from; `10.96.0.0/16` by default.
    pub service_subnet: Subnet,
    /// The host's address that the API server is published on; `127.0.0.1` by default.
    pub api_server_address: IpAddr,
    /// The host's TCP port that the API server is published on; `None` is any free one.
    pub api_server_port: Option<u16>,
}

impl Default for Networking {
    fn default() -> Self {
        let subnet = |a, b| Subnet::around(Ipv4Addr::new(a, b, 0, 0), 16).expect("16 is below 32");
        Self {
            pod_subnet: subnet(10, 244),
            service_subnet: subnet(10, 96),
            api_server_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            api_server_port: None,
        }
    }
}
