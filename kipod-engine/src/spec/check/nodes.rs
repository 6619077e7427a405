//! Validation of nodes: each node, then their numbers.

use std::collections::BTreeMap;

use super::{host_access, labels, mounts, parse, patches};
use crate::kubernetes::Role;
use crate::spec::problem::Problem;
use crate::spec::{
    ClusterSpec, ExtraPort, ImageReference, Location, MAX_NODES, NodeSpec, RawSpec, RawValue,
    ValidationError,
};

/// The maximum number of control planes: etcd recommends at most seven members.
/// Source: etcd's FAQ, "What is maximum cluster size?".
const MAX_CONTROL_PLANES: usize = 7;

/// Validates the nodes and sorts them, control planes first. The default is one control plane.
pub(super) fn check(raw: &RawSpec, errors: &mut Vec<ValidationError>) -> Vec<NodeSpec> {
    let before = errors.len();
    let listed = !raw.nodes.is_empty();
    let nodes = if listed { from_list(raw, errors) } else { from_counts(raw, errors) };
    if errors.len() == before {
        let name = if listed { "nodes" } else { "control planes" };
        check_counts(&nodes, name, raw.nodes_location.as_ref(), errors);
    }
    sorted(nodes)
}

/// Validates typed nodes and sorts them, control planes first.
pub(super) fn check_typed(
    mut nodes: Vec<NodeSpec>,
    errors: &mut Vec<ValidationError>,
) -> Vec<NodeSpec> {
    let before = errors.len();
    for node in &mut nodes {
        labels::check(&raw_pairs(&node.labels), errors);
        host_access::typed_resources(node.resources, errors);
        let devices: Vec<RawValue> = node.devices.iter().map(|one| one.as_str().into()).collect();
        node.devices = host_access::devices(&devices, errors);
        host_access::env(&raw_pairs(&node.env), errors);
        mounts::typed_mounts(&mut node.extra_mounts, errors);
        mounts::typed_ports(&node.extra_port_mappings, errors);
    }
    let ports = nodes.iter().flat_map(|node| &node.extra_port_mappings);
    let ports: Vec<_> = ports.map(|port| (port.clone(), None)).collect();
    mounts::collisions(&ports, errors);
    if errors.len() == before {
        check_counts(&nodes, "control planes", None, errors);
    }
    sorted(nodes)
}

fn raw_pairs(pairs: &BTreeMap<String, String>) -> Vec<(RawValue, RawValue)> {
    pairs.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect()
}

/// Sorts by role. The sort is stable, so the nodes of one role keep their order and their numbers.
fn sorted(mut nodes: Vec<NodeSpec>) -> Vec<NodeSpec> {
    nodes.sort_by_key(|node| node.role);
    nodes
}

fn from_counts(raw: &RawSpec, errors: &mut Vec<ValidationError>) -> Vec<NodeSpec> {
    let mut count = |name, value: &Option<RawValue>, default| {
        parse(name, value.as_ref(), errors, number).unwrap_or(default)
    };
    let control_planes = count("control planes", &raw.control_planes, 1);
    let workers = count("workers", &raw.workers, 0);
    let of = |role, count| std::iter::repeat_n(NodeSpec::new(role), count);
    of(Role::ControlPlane, control_planes).chain(of(Role::Worker, workers)).collect()
}

fn from_list(raw: &RawSpec, errors: &mut Vec<ValidationError>) -> Vec<NodeSpec> {
    for (name, count) in [("control planes", &raw.control_planes), ("workers", &raw.workers)] {
        if let Some(count) = count {
            let message = "a number of nodes cannot be combined with a list of nodes";
            errors.push(count.error(name, message));
        }
    }
    let mut all_ports = Vec::new();
    let nodes = raw.nodes.iter().enumerate().map(|(index, node)| {
        let name = |key| format!("nodes[{index}].{key}");
        let ports = mounts::ports(&node.ports, errors);
        all_ports.extend(ports.iter().cloned());
        NodeSpec {
            role: parse(&name("role"), node.role.as_ref(), errors, str::parse).unwrap_or_default(),
            image: parse(&name("image"), node.image.as_ref(), errors, str::parse::<ImageReference>),
            labels: labels::check(&node.labels, errors),
            extra_mounts: mounts::mounts(&node.mounts, errors),
            extra_port_mappings: ports.into_iter().map(|(port, _)| port).collect(),
            kubeadm_patches: patches::check(&node.kubeadm_patches, errors),
            resources: host_access::resources(node, errors),
            devices: host_access::devices(&node.devices, errors),
            env: host_access::env(&node.env, errors),
        }
    });
    let nodes = nodes.collect();
    mounts::collisions(&all_ports, errors);
    nodes
}

/// Validates the numbers of nodes of each role.
fn check_counts(
    nodes: &[NodeSpec],
    name: &str,
    location: Option<&Location>,
    errors: &mut Vec<ValidationError>,
) {
    let mut add = |name, message: String| {
        errors.push(ValidationError::at(location, name, message));
    };
    let control_planes = nodes.iter().filter(|node| node.role == Role::ControlPlane).count();
    if control_planes == 0 {
        add(name, "a cluster needs at least one control plane".to_owned());
    } else if control_planes > MAX_CONTROL_PLANES {
        let most = MAX_CONTROL_PLANES;
        add(name, format!("{control_planes} control planes are too many: the maximum is {most}"));
    } else if control_planes % 2 == 0 {
        let odd = control_planes - 1;
        add(
            name,
            format!(
                "{control_planes} control planes tolerate no more failures than {odd}: use an odd number"
            ),
        );
    }
    if nodes.len() > MAX_NODES {
        let count = nodes.len();
        add("nodes", format!("{count} nodes are too many: the maximum is {MAX_NODES}"));
    }
}

/// Checks that no port mapping uses the port of the API server.
pub(super) fn api_server_port(
    raw: &RawSpec,
    spec: &ClusterSpec,
    errors: &mut Vec<ValidationError>,
) {
    let Some(number) = spec.networking.api_server_port else { return };
    let api = ExtraPort {
        host_port: Some(number),
        listen_address: spec.networking.api_server_address,
        ..ExtraPort::new(1)
    };
    let mut ports = spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
    if let Some(port) = ports.find(|port| port.collides(&api)) {
        let address = port.listen_address;
        let message = format!("port {number} is already used by a mapping, on `{address}`");
        let location = raw.api_server_port.as_ref().and_then(|value| value.location.as_ref());
        errors.push(ValidationError::at(location, "API server port", message));
    }
}

/// Checks that a cluster without IPv4 has no port mappings. Podman forwards a published port to the
/// IPv4 address of the container, which nodes have in every cluster for outgoing connections.
pub(super) fn published_ports(
    raw: &RawSpec,
    spec: &ClusterSpec,
    errors: &mut Vec<ValidationError>,
) {
    let locations =
        raw.nodes.iter().flat_map(|node| &node.ports).map(|port| port.location.as_ref());
    without_ipv4(spec, locations, errors);
}

/// Checks the same as [`published_ports`] for typed port mappings.
pub(super) fn published_typed_ports(spec: &ClusterSpec, errors: &mut Vec<ValidationError>) {
    let ports = spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
    without_ipv4(spec, ports.map(|_| None), errors);
}

fn without_ipv4<'a>(
    spec: &ClusterSpec,
    locations: impl Iterator<Item = Option<&'a Location>>,
    errors: &mut Vec<ValidationError>,
) {
    let family = spec.networking.ip_family;
    if family.has_ipv4() {
        return;
    }
    for location in locations {
        let message = format!(
            "ports are published to the IPv4 address of a node, but pods and Services of IP family `{family}` have no IPv4 addresses: use `dual`"
        );
        errors.push(ValidationError::at(location, "port mapping", message));
    }
}

fn number(text: &str) -> Result<usize, Problem> {
    // `parse` accepts a plus sign.
    match text.parse() {
        Ok(number) if number <= MAX_NODES && !text.starts_with('+') => Ok(number),
        _ => Err(Problem(format!("`{text}` is not a number of nodes from 0 to {MAX_NODES}"))),
    }
}
