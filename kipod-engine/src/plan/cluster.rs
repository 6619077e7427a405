//! The plan of a cluster.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use serde::Serialize;

use super::names::network_name;
use super::{Choices, Machine, NodePlan, PlanContext, addresses, identities, labels};
use crate::kubeconfig::ClusterAccess;
use crate::kubernetes::{Role, Version};
use crate::node::{Bootstrap, CgroupMode, PatchError};
use crate::node_image::NodeImage;
use crate::pki::Credentials;
use crate::podman::NetworkOptions;
use crate::spec::{ClusterName, ClusterSpec, FoundRegistries};

/// The plan of a cluster.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The cluster's name.
    pub name: ClusterName,
    /// The Kubernetes version.
    pub kubernetes_version: Version,
    /// How the cgroups of pods are managed.
    pub cgroups: CgroupMode,
    /// The node network.
    pub network: NetworkOptions,
    /// The nodes, starting with the first control plane.
    pub nodes: Vec<NodePlan>,
    /// The load balancer, if the cluster has several control planes.
    pub balancer: Option<NodePlan>,
    /// Access to the API server from the host. Not printed, because it contains secrets.
    #[serde(skip)]
    pub access: ClusterAccess,
}

impl Plan {
    /// Returns the containers: the load balancer, then the nodes.
    pub fn containers(&self) -> impl Iterator<Item = &NodePlan> {
        self.balancer.iter().chain(&self.nodes)
    }
}

/// Plans a cluster. `images` are the node images, in the order of the nodes. `cluster_dir` is the
/// cluster's directory on the host.
///
/// # Errors
///
/// If a patch cannot be applied to the kubeadm configuration.
///
/// # Panics
///
/// If the number of images differs from the number of nodes.
pub fn plan(
    spec: &ClusterSpec,
    machine: &Machine,
    images: &[NodeImage],
    choices: &Choices,
    credentials: &Credentials,
    found_registries: &FoundRegistries,
    cluster_dir: &Path,
) -> Result<Plan, PatchError> {
    assert_eq!(images.len(), spec.nodes.len(), "an image for each node");
    let kubernetes_version = &images[0].kubernetes_version;
    let identities = &identities(spec, &choices.node_subnet);
    let context = PlanContext {
        spec,
        machine,
        choices,
        credentials,
        found_registries,
        kubernetes_version,
        control_plane_store: &images[0].image_store,
        identities,
        cluster_dir,
    };
    let all = identities.iter().zip(&spec.nodes).zip(images).enumerate();
    let nodes = all.map(|(index, ((identity, node), image))| {
        let bootstrap = match identity.role {
            Role::ControlPlane if index == 0 => Bootstrap::InitFirst,
            Role::ControlPlane => Bootstrap::Init,
            Role::Worker => Bootstrap::Join,
        };
        context.node(identity, node, bootstrap, image)
    });
    Ok(Plan {
        name: spec.name.clone(),
        kubernetes_version: kubernetes_version.clone(),
        cgroups: machine.cgroups,
        network: NetworkOptions {
            name: network_name(&spec.name),
            subnet: choices.node_subnet.to_string(),
            gateway: addresses::gateway(&choices.node_subnet),
            ipv6: spec
                .networking
                .ip_family
                .has_ipv6()
                .then(|| addresses::ipv6(&choices.node_subnet)),
            labels: labels(&spec.name),
        },
        nodes: nodes.collect::<Result<_, _>>()?,
        balancer: context.balancer(&images[0]),
        access: ClusterAccess {
            cluster_name: spec.name.clone(),
            server: server(spec.networking.api_server_address, choices.api_port),
            ca_pem: credentials.authorities.ca.certificate.clone(),
            client_cert_pem: credentials.admin.certificate.clone(),
            client_key_pem: credentials.admin.key.clone(),
        },
    })
}

/// Returns the URL of the API server.
fn server(address: IpAddr, port: u16) -> String {
    // Clients cannot connect to an unspecified address.
    let address =
        if address.is_unspecified() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { address };
    match address {
        IpAddr::V4(address) => format!("https://{address}:{port}"),
        IpAddr::V6(address) => format!("https://[{address}]:{port}"),
    }
}
