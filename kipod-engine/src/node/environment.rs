//! `node.env`: the environment of the node's scripts and of kubeadm, kubelet and CRI-O.

use super::kubeadm::{JOIN_TIMEOUT, tuning};
use super::{Bootstrap, NodeFile, NodeSettings};
use crate::spec::{INTERNAL_HOST_ADDRESS, INTERNAL_NODE_ADDRESSES, KubeProxyMode};

/// Returns the environment file of a node. It can contain passwords of proxies.
pub(super) fn file(node: &NodeSettings<'_>) -> NodeFile {
    NodeFile::secret("node.env", environment(node))
}

/// Returns a line that sets a variable to any value without NUL. systemd removes the quotes and
/// backslashes. Source: systemd.exec(5), `EnvironmentFile`.
fn assignment(name: &str, value: &str) -> String {
    let mut line = format!("{name}=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '`' | '$') {
            line.push('\\');
        }
        line.push(c);
    }
    line.push_str("\"\n");
    line
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
    // For kubeadm, kubelet and CRI-O. kubeadm passes proxies on to the control plane.
    for (name, value) in node.cluster.proxy.variables() {
        text.push_str(&assignment(&name, &value));
    }
    if node.cluster.timeouts.is_slow() {
        let (name, value) = tuning::ONE_THREAD;
        text.push_str(&format!("{name}={value}\n"));
    }
    for (name, value) in &node.spec.env {
        text.push_str(&assignment(name, value));
    }
    if let Some(cpus) = node.spec.resources.milli_cpus {
        text.push_str(&format!("KIPOD_MILLI_CPUS={cpus}\n"));
    }
    if let Some(memory) = node.spec.resources.memory {
        text.push_str(&format!("KIPOD_MEMORY={memory}\n"));
    }
    if family.has_ipv4() {
        text.push_str(&format!("KIPOD_HOST_ADDRESS={INTERNAL_HOST_ADDRESS}\n"));
    }
    if node.bootstrap == Bootstrap::Join {
        let timeout = node.cluster.timeouts.scale(JOIN_TIMEOUT).as_secs();
        text.push_str(&format!("KIPOD_JOIN_SECONDS={timeout}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::assignment;

    #[test]
    fn assignment_escapes_for_systemd() {
        assert_eq!(assignment("A", "b c"), "A=\"b c\"\n");
        assert_eq!(assignment("A", r#"%40 '#' "$x` \"#), "A=\"%40 '#' \\\"\\$x\\` \\\\\"\n");
    }
}
