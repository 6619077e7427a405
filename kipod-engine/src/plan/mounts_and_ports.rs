//! Converts `extraMounts` and `extraPortMappings` to container options.

use crate::podman::{Bind, ContainerOptions, PortMapping};
use crate::spec::{ExtraMount, ExtraPort, NodeSpec, Propagation, Protocol};

/// Adds the mounts and port mappings of a node to its container.
pub(super) fn add(node: &NodeSpec, container: &mut ContainerOptions) {
    container.binds.extend(node.extra_mounts.iter().map(bind));
    container.ports.extend(node.extra_port_mappings.iter().map(port));
}

fn bind(mount: &ExtraMount) -> Bind {
    // Recursive, as in kind with Docker.
    let mut options = vec!["rbind"];
    options.push(match mount.propagation {
        Propagation::None => "rprivate",
        Propagation::HostToContainer => "rslave",
        Propagation::Bidirectional => "rshared",
    });
    // The shared SELinux label, because several nodes can have the same mount.
    options.extend(mount.selinux_relabel.then_some("z"));
    Bind {
        source: mount.host_path.clone(),
        target: mount.container_path.clone(),
        read_only: mount.read_only,
        options,
    }
}

fn port(port: &ExtraPort) -> PortMapping {
    PortMapping {
        host_address: port.listen_address,
        host_port: port.host_port,
        container_port: port.container_port,
        protocol: match port.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        },
        count: 1,
    }
}
