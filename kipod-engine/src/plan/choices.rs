//! Resources of the host that are chosen for a cluster: subnet, port and Service address.

use std::net::IpAddr;

use super::ServiceAddress;
use crate::spec::Subnet;

/// Resources of the host that were chosen for a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// The subnet of the node network.
    pub node_subnet: Subnet,
    /// The host port of the API server.
    pub api_port: u16,
    /// The host address for Services, if the cluster has one.
    pub service_address: Option<ServiceAddress>,
    /// The host's addresses on which the API server is published, if that is on all of them.
    pub host_addresses: Vec<IpAddr>,
}
