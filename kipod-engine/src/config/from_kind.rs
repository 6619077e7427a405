//! Conversion of kind's format to kipod's.

use super::fields::KIPOD;
use crate::util::yaml::{Mark, Node, Value};

/// The names of kind's node images.
const KIND_IMAGES: [&str; 3] =
    ["kindest/node", "docker.io/kindest/node", "index.docker.io/kindest/node"];
/// The name of kipod's node images, which have the same tags.
const KIPOD_IMAGE: &str = "localhost/kipod-node";

/// A value that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// The position.
    pub(super) mark: Mark,
    /// The full key.
    pub(super) key: String,
    /// The change.
    pub(super) message: String,
}

/// Converts a tree of kind's format to kipod's, and returns the changed values:
///
/// * kind's own node images use containerd. They are replaced by kipod's with the same tag.
/// * The ports 0 and -1, which kind and Docker choose, are removed.
/// * An address in a subnet, which kind accepts as the subnet, becomes the subnet.
pub(super) fn to_kipod(root: &mut Node) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(version) = entry(root, "apiVersion") {
        version.value = Value::Plain(KIPOD.to_owned());
    }
    if let Some(networking) = entry(root, "networking") {
        drop_automatic(networking, "apiServerPort");
        for key in ["podSubnet", "serviceSubnet"] {
            if let Some(node) = entry(networking, key) {
                subnets(node, &format!("networking.{key}"), &mut changes);
            }
        }
    }
    for (index, node) in items(root, "nodes").iter_mut().enumerate() {
        if let Some(image) = entry(node, "image") {
            node_image(image, &format!("nodes[{index}].image"), &mut changes);
        }
        for port in items(node, "extraPortMappings") {
            drop_automatic(port, "hostPort");
        }
    }
    changes
}

fn entry<'a>(node: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    let Value::Map(pairs) = &mut node.value else { return None };
    pairs.iter_mut().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

fn items<'a>(node: &'a mut Node, name: &str) -> &'a mut [Node] {
    match entry(node, name).map(|node| &mut node.value) {
        Some(Value::Seq(items)) => items,
        _ => &mut [],
    }
}

fn drop_automatic(node: &mut Node, name: &str) {
    let automatic = |value: &Node| matches!(value.as_str(), Some("0" | "-1"));
    if let Value::Map(pairs) = &mut node.value {
        pairs.retain(|(key, value)| key.as_str() != Some(name) || !automatic(value));
    }
}

fn node_image(node: &mut Node, key: &str, changes: &mut Vec<Change>) {
    let Some(old) = node.as_str() else { return };
    // The digest is valid for kind's image only.
    let named = old.split_once('@').map_or(old, |(named, _)| named);
    let (name, tag) = named.split_once(':').unwrap_or((named, "latest"));
    if !KIND_IMAGES.contains(&name) {
        return;
    }
    let new = format!("{KIPOD_IMAGE}:{tag}");
    let message = format!("`{named}` is an image of kind: replaced by `{new}`");
    changes.push(Change { mark: node.mark, key: key.to_owned(), message });
    node.value = Value::Plain(new);
}

fn subnets(node: &mut Node, key: &str, changes: &mut Vec<Change>) {
    let Some(old) = node.as_str() else { return };
    let canonical = |part: &str| match part.trim().parse::<ipnet::IpNet>() {
        Ok(net) => net.trunc().to_string(),
        Err(_) => part.to_owned(),
    };
    let new = old.split(',').map(canonical).collect::<Vec<_>>().join(",");
    if new == old {
        return;
    }
    let message = format!("`{old}` is not a subnet: replaced by `{new}`");
    changes.push(Change { mark: node.mark, key: key.to_owned(), message });
    node.value = Value::Plain(new);
}
