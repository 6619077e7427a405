//! The nodes: each by itself, then their numbers.

use super::{Fault, add, read};
use crate::spec::{ImageReference, MAX_NODES, NodeSpec, RawNode, RawSpec, Role};

/// How many control planes there may be: etcd recommends no more members than seven.
/// Source: etcd's FAQ, "What is maximum cluster size?".
const MAX_CONTROL_PLANES: usize = 7;

/// The nodes that were asked for, control planes first; one control plane where none were.
pub(super) fn check(raw: &RawSpec, faults: &mut Vec<Fault>) -> Vec<NodeSpec> {
    let before = faults.len();
    let mut nodes = if raw.nodes.is_empty() { counted(raw, faults) } else { listed(raw, faults) };
    if faults.len() == before {
        hold_numbers(&nodes, raw, faults);
    }
    // A stable sort: nodes of one role keep the order they were given in, and so their numbers.
    nodes.sort_by_key(|node| node.role);
    nodes
}

fn counted(raw: &RawSpec, faults: &mut Vec<Fault>) -> Vec<NodeSpec> {
    let mut count = |place, text: &Option<String>, default| {
        read(place, text.as_deref(), faults, number).unwrap_or(default)
    };
    let control_planes = count("control planes", &raw.control_planes, 1);
    let workers = count("workers", &raw.workers, 0);
    let of = |role, count| std::iter::repeat_n(NodeSpec::new(role), count);
    of(Role::ControlPlane, control_planes).chain(of(Role::Worker, workers)).collect()
}

fn listed(raw: &RawSpec, faults: &mut Vec<Fault>) -> Vec<NodeSpec> {
    for (place, count) in [("control planes", &raw.control_planes), ("workers", &raw.workers)] {
        if count.is_some() {
            add(faults, place, "a number does not go with a list of nodes: say one of them");
        }
    }
    raw.nodes.iter().enumerate().map(|(index, node)| listed_node(index, node, faults)).collect()
}

fn listed_node(index: usize, raw: &RawNode, faults: &mut Vec<Fault>) -> NodeSpec {
    let place = |key: &str| format!("nodes[{index}].{key}");
    NodeSpec {
        role: read(&place("role"), raw.role.as_deref(), faults, str::parse)
            .unwrap_or(Role::ControlPlane),
        image: read(&place("image"), raw.image.as_deref(), faults, str::parse::<ImageReference>),
    }
}

/// Numbers that are good each by itself may not be together.
fn hold_numbers(nodes: &[NodeSpec], raw: &RawSpec, faults: &mut Vec<Fault>) {
    let place = if raw.nodes.is_empty() { "control planes" } else { "nodes" };
    let control_planes = nodes.iter().filter(|node| node.role == Role::ControlPlane).count();
    if control_planes == 0 {
        add(faults, place, "there is no control plane, and a cluster needs one");
    } else if control_planes > MAX_CONTROL_PLANES {
        add(
            faults,
            place,
            format!("{control_planes} control planes are too many: {MAX_CONTROL_PLANES} at most"),
        );
    } else if control_planes % 2 == 0 {
        let odd = control_planes - 1;
        add(
            faults,
            place,
            format!(
                "{control_planes} control planes survive no more failures than {odd}: an odd number, please"
            ),
        );
    }
    if nodes.len() > MAX_NODES {
        let count = nodes.len();
        add(faults, "nodes", format!("{count} nodes are too many: {MAX_NODES} at most"));
    }
}

fn number(text: &str) -> Result<usize, String> {
    // `parse` takes a plus sign, which no number of nodes has.
    match text.parse() {
        Ok(number) if number <= MAX_NODES && !text.starts_with('+') => Ok(number),
        _ => Err(format!("`{text}` is not a number of nodes, which is from 0 to {MAX_NODES}")),
    }
}
