//! `PlanContext`: the inputs of a plan. Plans one node, or the load balancer.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::Path;

use super::addresses::{self, addresses};
use super::container::{self, ContainerTemplate};
use super::identity::control_planes;
use super::proxy::proxy;
use super::routes::routes;
use super::{
    Choices, Machine, NODE_PORTS, NodeIdentity, NodePlan, ServiceAddress, UDP_NODE_PORTS,
    balancer_files, has_balancer,
};
use crate::kubernetes::Version;
use crate::node::{
    self as inside, Bootstrap, ClusterSettings, NodeSettings, PatchError, PublishedPorts,
    ServiceSettings,
};
use crate::node_image::NodeImage;
use crate::pki::Credentials;
use crate::spec::{ClusterSpec, FoundRegistries, NodeSpec, Protocol};

/// The input of a cluster's plan and of each node's plan.
#[derive(Debug, Clone, Copy)]
pub struct PlanContext<'a> {
    /// The cluster's specification.
    pub spec: &'a ClusterSpec,
    /// The properties of the host.
    pub machine: &'a Machine,
    /// Resources of the host that were chosen for the cluster.
    pub choices: &'a Choices,
    /// The cluster's credentials.
    pub credentials: &'a Credentials,
    /// The host's registries and registry credentials.
    pub found_registries: &'a FoundRegistries,
    /// The Kubernetes version of the control plane.
    pub kubernetes_version: &'a Version,
    /// The image store for the control plane's Kubernetes version.
    pub control_plane_store: &'a Path,
    /// The identities of all nodes, including existing ones.
    pub identities: &'a [NodeIdentity],
    /// The cluster's directory on the host.
    pub cluster_dir: &'a Path,
}

impl PlanContext<'_> {
    /// Plans a node.
    ///
    /// # Errors
    ///
    /// If a patch cannot be applied to the kubeadm configuration.
    pub fn node(
        &self,
        identity: &NodeIdentity,
        node: &NodeSpec,
        bootstrap: Bootstrap,
        image: &NodeImage,
    ) -> Result<NodePlan, PatchError> {
        let (spec, machine) = (self.spec, self.machine);
        let family = spec.networking.ip_family;
        let control_planes = control_planes(spec, self.identities);
        let stores = container::image_stores(spec, machine, image, self.control_plane_store);
        let cluster = ClusterSettings {
            spec,
            name: spec.name.as_str(),
            kubernetes_version: self.kubernetes_version,
            nodes: self.identities.len(),
            control_planes: &control_planes,
            balancer: self.balancer_address().map(|address| addresses(address, family)[0]),
            cgroups: machine.cgroups,
            ping_groups: machine.ping_groups,
            api_server_addresses: &self.api_server_addresses(),
            storage_driver: machine.storage_driver,
            timeouts: machine.timeouts,
            credentials: self.credentials,
            found_registries: self.found_registries,
            proxy: &proxy(self),
        };
        // kube-proxy serves all Services on every node, so one node that publishes them is enough.
        let services =
            self.choices.service_address.as_ref().filter(|_| bootstrap == Bootstrap::InitFirst);
        let files = inside::files(&NodeSettings {
            cluster: &cluster,
            spec: node,
            name: &identity.name,
            role: identity.role,
            bootstrap,
            kubernetes_version: &image.kubernetes_version,
            pause_image: &image.pause_image,
            addresses: &identity.addresses(family),
            pod_subnets: &identity.pod_subnets(family),
            image_stores: &stores,
            routes: &routes(spec, identity, self.identities),
            services: services.map(|address| service_settings(spec, address)),
        })?;
        // Without a load balancer, the control plane publishes the API server.
        let publishes = bootstrap == Bootstrap::InitFirst && cluster.balancer.is_none();
        let ports = publishes.then(|| container::published_api_server(spec, self.choices.api_port));
        let node_ports = services.into_iter().flat_map(ServiceAddress::ports);
        let ports = ports.into_iter().chain(node_ports).collect();
        Ok(self.template().node(identity, node, image, ports, files))
    }

    /// Plans the load balancer of a cluster with several control planes.
    pub(super) fn balancer(&self, image: &NodeImage) -> Option<NodePlan> {
        let files = balancer_files(self.spec, self.identities);
        let ports = vec![container::published_api_server(self.spec, self.choices.api_port)];
        Some(self.template().balancer(self.balancer_address()?, image, ports, files))
    }

    /// Returns the host addresses on which clients may connect to the API server.
    fn api_server_addresses(&self) -> Vec<IpAddr> {
        let address = self.spec.networking.api_server_address;
        if !address.is_unspecified() {
            return vec![address];
        }
        // A socket on all IPv6 addresses also accepts IPv4.
        let all = self.choices.host_addresses.iter().copied();
        all.filter(|one| one.is_ipv4() || address.is_ipv6()).collect()
    }

    fn balancer_address(&self) -> Option<Ipv4Addr> {
        has_balancer(self.spec).then(|| addresses::balancer(&self.choices.node_subnet))
    }

    fn template(&self) -> ContainerTemplate<'_> {
        let Self { spec, machine, cluster_dir, control_plane_store, .. } = *self;
        ContainerTemplate { spec, machine, cluster_dir, control_plane_store }
    }
}

/// Returns the published node ports, for the controller of Services in the node.
fn service_settings(spec: &ClusterSpec, address: &ServiceAddress) -> ServiceSettings {
    let published = |ports: RangeInclusive<u16>, protocol| PublishedPorts {
        range: (*ports.start(), *ports.end()),
        unreachable: address.unreachable(spec, protocol),
    };
    ServiceSettings {
        address: address.address,
        tcp: published(NODE_PORTS, Protocol::Tcp),
        udp: published(UDP_NODE_PORTS, Protocol::Udp),
    }
}
