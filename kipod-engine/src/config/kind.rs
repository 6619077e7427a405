//! What kind's format says, said in kipod's.

use super::fields::KIPOD;
use crate::util::yaml::{Mark, Node, Value};

/// kind's own node images, by every name they go by.
const KIND_IMAGES: [&str; 3] =
    ["kindest/node", "docker.io/kindest/node", "index.docker.io/kindest/node"];
/// kipod's, which have the same tags.
const KIPOD_IMAGE: &str = "localhost/kipod-node";

/// Something that was said differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// Where it stands.
    pub(super) mark: Mark,
    /// The key that leads there.
    pub(super) key: String,
    /// What was done.
    pub(super) message: String,
}

/// Turns a tree of kind's format into one of kipod's, and answers what is not the same as before to
/// who reads it:
///
/// * kind's own node images have containerd: kipod's of the same tag takes their place.
/// * Ports of 0 and -1, which leave the choice to kind and to Docker, are left out.
/// * An address in a subnet, which kind takes for the subnet, becomes the subnet.
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
    // The digest is that of kind's image.
    let named = old.split_once('@').map_or(old, |(named, _)| named);
    let (name, tag) = named.split_once(':').unwrap_or((named, "latest"));
    if !KIND_IMAGES.contains(&name) {
        return;
    }
    let new = format!("{KIPOD_IMAGE}:{tag}");
    let message = format!("`{named}` is kind's own image: `{new}` takes its place");
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
    let message = format!("`{old}` is taken for `{new}`");
    changes.push(Change { mark: node.mark, key: key.to_owned(), message });
    node.value = Value::Plain(new);
}
