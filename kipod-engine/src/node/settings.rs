//! Settings of nodes and clusters, from which the files of a node are derived.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{API_PORT, ServiceSettings};
use crate::kubernetes::{Role, Version};
use crate::pki::Credentials;
use crate::podman::StorageDriver;
use crate::spec::{ClusterSpec, FoundRegistries, INTERNAL_NODE_ADDRESSES, NodeSpec, Proxy};
use crate::util::timeouts::Timeouts;

/// How the cgroups of pods are managed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CgroupMode {
    /// Controllers are delegated: kubelet manages pod cgroups through systemd and enforces limits.
    Delegated,
    /// No controllers: one flat cgroup, without limits and pod metrics.
    Unlimited,
}

/// How a node becomes a member of its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bootstrap {
    /// `kubeadm init`, and the setup that a cluster needs once.
    InitFirst,
    /// `kubeadm init`, at the same time as the first control plane and as an initial member of
    /// etcd. With `kubeadm join`, each control plane would wait for the previous one.
    Init,
    /// `kubeadm join`.
    Join,
}

impl Bootstrap {
    /// Returns the kubeadm command.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::InitFirst | Self::Init => "init",
            Self::Join => "join",
        }
    }
}

/// Settings that all nodes of a cluster share.
#[derive(Debug, Clone)]
pub struct ClusterSettings<'a> {
    /// The cluster's specification.
    pub spec: &'a ClusterSpec,
    /// The cluster's name.
    pub name: &'a str,
    /// The Kubernetes version of the control plane, such as `v1.36.2`.
    pub kubernetes_version: &'a Version,
    /// The number of planned nodes.
    pub nodes: usize,
    /// Names and addresses of the control plane nodes.
    pub control_planes: &'a [(String, IpAddr)],
    /// The load balancer's address, if the cluster has several control planes.
    pub balancer: Option<IpAddr>,
    /// How the cgroups of pods are managed.
    pub cgroups: CgroupMode,
    /// The first and the last group that may send ICMP echo requests without capabilities.
    pub ping_groups: (u64, u64),
    /// The host addresses on which clients may connect to the API server.
    pub api_server_addresses: &'a [IpAddr],
    /// The storage driver of CRI-O.
    pub storage_driver: StorageDriver,
    /// Timeouts, which are longer on a slow machine.
    pub timeouts: Timeouts,
    /// The cluster's authorities and bootstrap token.
    pub credentials: &'a Credentials,
    /// The host's registries and registry credentials.
    pub found_registries: &'a FoundRegistries,
    /// The HTTP proxies of nodes, and all destinations that are reached without them.
    pub proxy: &'a Proxy,
}

impl ClusterSettings<'_> {
    /// Returns the address on which nodes reach the control plane.
    pub(super) fn endpoint(&self) -> SocketAddr {
        let address = self.balancer.unwrap_or_else(|| self.internal_addresses()[0]);
        SocketAddr::new(address, API_PORT)
    }

    /// Returns the address of the Service `default/kubernetes`: the first one of the Service subnet.
    /// Source: `--service-cluster-ip-range` of kube-apiserver.
    pub(super) fn api_service(&self) -> IpAddr {
        match self.spec.networking.service_subnets()[0].network() {
            IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() + 1).into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() + 1).into(),
        }
    }

    fn internal_addresses(&self) -> Vec<IpAddr> {
        INTERNAL_NODE_ADDRESSES.each(self.spec.networking.ip_family)
    }
}

/// A route to a subnet or address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The destination subnet.
    pub destination: IpNet,
    /// The address of the node that forwards the packets.
    pub gateway: IpAddr,
}

/// Settings of a node.
#[derive(Debug, Clone)]
pub struct NodeSettings<'a> {
    /// The settings of the cluster.
    pub cluster: &'a ClusterSettings<'a>,
    /// The node's specification.
    pub spec: &'a NodeSpec,
    /// The node's name, which is also its host name.
    pub name: &'a str,
    /// The node's role.
    pub role: Role,
    /// How the node becomes a member of the cluster.
    pub bootstrap: Bootstrap,
    /// The Kubernetes version of kubeadm and kubelet in the node, such as `v1.36.2`.
    pub kubernetes_version: &'a Version,
    /// The pause image for this version of kubeadm.
    pub pause_image: &'a str,
    /// The node's addresses in the node network, one per IP family of the cluster.
    pub addresses: &'a [IpAddr],
    /// The node's pod CIDRs, one per IP family of the cluster.
    pub pod_subnets: &'a [IpNet],
    /// Read-only image stores, in search order.
    pub image_stores: &'a [&'a str],
    /// Routes to other nodes and their pods.
    pub routes: &'a [Route],
    /// The published node ports, on the node that publishes them.
    pub services: Option<ServiceSettings>,
}

impl NodeSettings<'_> {
    /// Returns the addresses that Kubernetes components use for the node, one per IP family.
    ///
    /// A single control plane has addresses that exist only inside the node, so that a copy of the
    /// node works in another network. Members of an etcd cluster have to reach each other, so they
    /// use their addresses in the node network.
    pub(super) fn kubernetes_addresses(&self) -> Vec<IpAddr> {
        match self.is_internal() {
            true => self.cluster.internal_addresses(),
            false => self.addresses.to_vec(),
        }
    }

    /// Returns the values of kubelet's `--node-ip`. A pod network of the user derives its routes from
    /// them, so they have to be reachable from other nodes.
    pub(super) fn node_ips(&self) -> Vec<IpAddr> {
        match self.cluster.spec.networking.disable_default_cni {
            true => self.addresses.to_vec(),
            false => self.kubernetes_addresses(),
        }
    }

    /// Returns whether this is a single control plane, which uses the internal node addresses.
    pub(super) fn is_internal(&self) -> bool {
        self.role == Role::ControlPlane && self.cluster.balancer.is_none()
    }
}
