//! The nodes: each by itself, then their numbers.

use super::{labels, mounts, patches, read};
use crate::kubernetes::Role;
use crate::spec::{
    ClusterSpec, ExtraPort, ImageReference, MAX_NODES, NodeSpec, Protocol, RawSpec,
    ValidationError, Written,
};

/// How many control planes there may be: etcd recommends no more members than seven.
/// Source: etcd's FAQ, "What is maximum cluster size?".
const MAX_CONTROL_PLANES: usize = 7;

/// The nodes that were asked for, control planes first; one control plane where none were.
pub(super) fn check(raw: &RawSpec, faults: &mut Vec<ValidationError>) -> Vec<NodeSpec> {
    let before = faults.len();
    let mut nodes = if raw.nodes.is_empty() { counted(raw, faults) } else { listed(raw, faults) };
    if faults.len() == before {
        hold_numbers(&nodes, raw, faults);
    }
    // A stable sort: nodes of one role keep the order they were given in, and so their numbers.
    nodes.sort_by_key(|node| node.role);
    nodes
}

fn counted(raw: &RawSpec, faults: &mut Vec<ValidationError>) -> Vec<NodeSpec> {
    let mut count = |name, value: &Option<Written>, default| {
        read(name, value.as_ref(), faults, number).unwrap_or(default)
    };
    let control_planes = count("control planes", &raw.control_planes, 1);
    let workers = count("workers", &raw.workers, 0);
    let of = |role, count| std::iter::repeat_n(NodeSpec::new(role), count);
    of(Role::ControlPlane, control_planes).chain(of(Role::Worker, workers)).collect()
}

fn listed(raw: &RawSpec, faults: &mut Vec<ValidationError>) -> Vec<NodeSpec> {
    for (name, count) in [("control planes", &raw.control_planes), ("workers", &raw.workers)] {
        if let Some(count) = count {
            let message = "a number does not go with a list of nodes: say one of them";
            faults.push(count.fault(name, message));
        }
    }
    let mut all_ports = Vec::new();
    let nodes = raw.nodes.iter().enumerate().map(|(index, node)| {
        let name = |key| format!("nodes[{index}].{key}");
        let ports = mounts::ports(&node.ports, faults);
        all_ports.extend(ports.iter().cloned());
        NodeSpec {
            role: read(&name("role"), node.role.as_ref(), faults, str::parse).unwrap_or_default(),
            image: read(&name("image"), node.image.as_ref(), faults, str::parse::<ImageReference>),
            labels: labels::check(&node.labels, faults),
            extra_mounts: mounts::mounts(&node.mounts, faults),
            extra_port_mappings: ports.into_iter().map(|(port, _)| port).collect(),
            kubeadm_patches: patches::check(&node.kubeadm_patches, faults),
        }
    });
    let nodes = nodes.collect();
    mounts::collisions(&all_ports, faults);
    nodes
}

/// Numbers that are good each by itself may not be together.
fn hold_numbers(nodes: &[NodeSpec], raw: &RawSpec, faults: &mut Vec<ValidationError>) {
    let name = if raw.nodes.is_empty() { "control planes" } else { "nodes" };
    let mut add = |name, message: String| {
        faults.push(ValidationError::at(raw.nodes_place.as_ref(), name, message));
    };
    let control_planes = nodes.iter().filter(|node| node.role == Role::ControlPlane).count();
    if control_planes == 0 {
        add(name, "there is no control plane, and a cluster needs one".to_owned());
    } else if control_planes > MAX_CONTROL_PLANES {
        let most = MAX_CONTROL_PLANES;
        add(name, format!("{control_planes} control planes are too many: {most} at most"));
    } else if control_planes % 2 == 0 {
        let odd = control_planes - 1;
        add(
            name,
            format!(
                "{control_planes} control planes survive no more failures than {odd}: an odd number, please"
            ),
        );
    }
    if nodes.len() > MAX_NODES {
        let count = nodes.len();
        add("nodes", format!("{count} nodes are too many: {MAX_NODES} at most"));
    }
}

/// The API server's port is not for others.
pub(super) fn api_server_port(
    raw: &RawSpec,
    spec: &ClusterSpec,
    faults: &mut Vec<ValidationError>,
) {
    let api = ExtraPort {
        container_port: 1,
        host_port: spec.networking.api_server_port,
        listen_address: spec.networking.api_server_address,
        protocol: Protocol::Tcp,
    };
    let mut ports = spec.nodes.iter().flat_map(|node| &node.extra_port_mappings);
    if let (Some(value), Some(port)) =
        (&raw.api_server_port, ports.find(|port| port.collides(&api)))
    {
        let address = port.listen_address;
        let message = format!("port {} is taken by a mapping, on `{address}`", value.text);
        faults.push(value.fault("API server port", message));
    }
}

/// Podman passes what comes to a published port on to the container's IPv4 address, if it has one; and
/// nodes have one in every cluster, by which they reach the world.
pub(super) fn published_ports(
    raw: &RawSpec,
    spec: &ClusterSpec,
    faults: &mut Vec<ValidationError>,
) {
    let family = spec.networking.ip_family;
    if family.has_ipv4() {
        return;
    }
    for port in raw.nodes.iter().flat_map(|node| &node.ports) {
        let message = format!(
            "a port is published to the node's IPv4 address, where a cluster of the IP family `{family}` has neither pods nor Services: `dual` has them"
        );
        faults.push(ValidationError::at(port.place.as_ref(), "port mapping", message));
    }
}

fn number(text: &str) -> Result<usize, String> {
    // `parse` takes a plus sign, which no number of nodes has.
    match text.parse() {
        Ok(number) if number <= MAX_NODES && !text.starts_with('+') => Ok(number),
        _ => Err(format!("`{text}` is not a number of nodes, which is from 0 to {MAX_NODES}")),
    }
}
