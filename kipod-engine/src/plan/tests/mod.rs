//! Tests of plans, with their fixtures.

mod addresses;
mod configuration;
mod control_plane;
mod host_access;
mod nodes;
mod tuning;

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::kubernetes::Role;
use crate::node::{CgroupMode, PatchError};
use crate::node_image::NodeImage;
use crate::pki::Credentials;
use crate::spec::{ClusterSpec, FoundRegistries, IpFamily, KubeProxyMode, Networking, NodeSpec};

fn planned(control_planes: usize, workers: usize) -> Plan {
    planned_on(machine(), control_planes, workers)
}

fn planned_on(machine: Machine, control_planes: usize, workers: usize) -> Plan {
    let of = |role, count| std::iter::repeat_n(NodeSpec::new(role), count);
    let nodes =
        of(Role::ControlPlane, control_planes).chain(of(Role::Worker, workers)).collect::<Vec<_>>();
    let spec = ClusterSpec { name: "demo".parse().unwrap(), nodes, ..ClusterSpec::default() };
    planned_with(machine, &spec, "v1.36.2", &FoundRegistries::default(), None).unwrap()
}

fn planned_as(spec: &ClusterSpec) -> Result<Plan, PatchError> {
    planned_of(spec, "v1.36.2", &FoundRegistries::default())
}

fn planned_where(spec: &ClusterSpec, found: &FoundRegistries) -> Result<Plan, PatchError> {
    planned_of(spec, "v1.36.2", found)
}

fn planned_of(
    spec: &ClusterSpec,
    version: &str,
    found: &FoundRegistries,
) -> Result<Plan, PatchError> {
    // Without a Service address, nodes publish no node ports.
    planned_with(machine(), spec, version, found, None)
}

fn machine() -> Machine {
    Machine { host_store: Some("/home/me/store".into()), ..crate::testing::machine() }
}

fn planned_with(
    machine: Machine,
    spec: &ClusterSpec,
    version: &str,
    found: &FoundRegistries,
    service_address: Option<ServiceAddress>,
) -> Result<Plan, PatchError> {
    let images = vec![image(version); spec.nodes.len()];
    planned_from_images(machine, spec, &images, found, service_address)
}

fn image(version: &str) -> NodeImage {
    NodeImage {
        reference: "localhost/kipod-node:latest".into(),
        id: "0123".into(),
        kubernetes_version: version.parse().unwrap(),
        pause_image: "registry.k8s.io/pause:3.10".into(),
        image_store: format!("/stores/{version}").into(),
        has_storage: true,
        has_metrics: false,
    }
}

fn planned_from_images(
    machine: Machine,
    spec: &ClusterSpec,
    images: &[NodeImage],
    found: &FoundRegistries,
    service_address: Option<ServiceAddress>,
) -> Result<Plan, PatchError> {
    let joining = node_names(spec).split_off(spec.count(Role::ControlPlane));
    let credentials = Credentials::mint("demo", &joining, crate::testing::NOW).unwrap();
    let choices = Choices {
        node_subnet: "10.89.7.0/24".parse().unwrap(),
        api_port: 40_000,
        service_address,
        host_addresses: vec![[192, 168, 1, 5].into(), "fd00::5".parse().unwrap()],
    };
    plan(spec, &machine, images, &choices, &credentials, found, Path::new("/state/demo"))
}

/// Plans a control plane and a worker of one version, and a worker of another. Returns the workers.
fn planned_mixed(version: &str, old: &str) -> [NodePlan; 2] {
    let nodes = [Role::ControlPlane, Role::Worker, Role::Worker].map(NodeSpec::new).to_vec();
    let spec = ClusterSpec { name: "demo".parse().unwrap(), nodes, ..ClusterSpec::default() };
    let images = [version, version, old].map(image);
    let mut plan =
        planned_from_images(machine(), &spec, &images, &FoundRegistries::default(), None).unwrap();
    let workers = plan.nodes.split_off(1);
    workers.try_into().unwrap_or_else(|_| panic!("two workers"))
}

fn text<'a>(node: &'a NodePlan, path: &str) -> &'a str {
    let path = format!("/var/lib/kipod/{path}");
    let found = node.files.iter().find(|file| file.path == path);
    &found.unwrap_or_else(|| panic!("node {} has no {path}", node.name)).text
}

fn has(node: &NodePlan, path: &str) -> bool {
    node.files.iter().any(|file| file.path == format!("/var/lib/kipod/{path}"))
}

/// Parses a file that kubeadm reads. Returns its documents by kind.
fn documents(text: &str) -> BTreeMap<String, serde_json::Value> {
    let documents = text.split("---\n").map(|text| serde_json::from_str(text).unwrap());
    documents
        .map(|document: serde_json::Value| (document["kind"].as_str().unwrap().into(), document))
        .collect()
}

fn of_family(family: IpFamily, control_planes: usize, workers: usize) -> Plan {
    let of = |role, count| std::iter::repeat_n(NodeSpec::new(role), count);
    let nodes = of(Role::ControlPlane, control_planes).chain(of(Role::Worker, workers)).collect();
    let networking = Networking::of(family);
    let name = "demo".parse().unwrap();
    planned_as(&ClusterSpec { name, nodes, networking, ..ClusterSpec::default() }).unwrap()
}
