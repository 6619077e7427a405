//! `node.env`: the environment of the node's scripts and of kubeadm, kubelet and CRI-O.

use super::kubeadm::{JOIN_TIMEOUT, tuning};
use super::{Bootstrap, NodeFile, NodeSettings};
use crate::spec::{INTERNAL_NODE_ADDRESSES, KubeProxyMode};

/// Returns the environment file of a node.
pub(super) fn file(node: &NodeSettings<'_>) -> NodeFile {
    NodeFile::new("node.env", environment(node))
}

fn environment(node: &NodeSettings<'_>) -> String {
    let command = node.bootstrap.command();
    let mut text = format!("KIPOD_NODE_ROLE={}\nKIPOD_KUBEADM={command}\n", node.role);
    if node.bootstrap == Bootstrap::InitFirst {
        text.push_str("KIPOD_FIRST=1\n");
    }
    if node.cluster.spec.networking.kube_proxy_mode == KubeProxyMode::None {
        text.push_str("KIPOD_NO_KUBE_PROXY=1\n");
    }
    let family = node.cluster.spec.networking.ip_family;
    if node.is_internal() && family.has_ipv4() {
        text.push_str(&format!("KIPOD_INTERNAL_ADDRESS={}\n", INTERNAL_NODE_ADDRESSES.v4));
    }
    if node.is_internal() && family.has_ipv6() {
        text.push_str(&format!("KIPOD_INTERNAL_ADDRESS6={}\n", INTERNAL_NODE_ADDRESSES.v6));
    }
    if family.has_ipv6() {
        text.push_str("KIPOD_IPV6=1\n");
    }
    // For kubeadm, kubelet and CRI-O.
    if node.cluster.timeouts.is_slow() {
        let (name, value) = tuning::ONE_THREAD;
        text.push_str(&format!("{name}={value}\n"));
    }
    if node.bootstrap == Bootstrap::Join {
        let timeout = node.cluster.timeouts.scale(JOIN_TIMEOUT).as_secs();
        text.push_str(&format!("KIPOD_JOIN_SECONDS={timeout}\n"));
    }
    text
}
