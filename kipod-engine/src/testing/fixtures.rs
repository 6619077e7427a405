//! Fixtures of unit tests.

use crate::cluster::Record;
use crate::kubernetes::Role;
use crate::node::CgroupMode;
use crate::plan::{Machine, NodeIdentity};
use crate::podman::{
    ContainerOptions, NetworkOptions, Podman, Scripted, StorageDriver, VolumeOptions,
};
use crate::spec::ClusterSpec;

/// The time at which clusters of tests are created, in seconds since the Unix epoch.
pub(crate) const NOW: i64 = 1_800_000_000;

/// Returns the record of a complete cluster without nodes.
pub(crate) fn record(name: &str) -> Record {
    Record {
        name: name.parse().unwrap(),
        kubernetes_version: "v1.36.2".parse().unwrap(),
        image: "image".to_owned(),
        spec: ClusterSpec { name: name.parse().unwrap(), ..ClusterSpec::default() },
        nodes: Vec::new(),
        changing: None,
        api_port: 40_000,
        service_address: None,
        cgroups: CgroupMode::Delegated,
        created: NOW,
        kubeconfig: Vec::new(),
        complete: true,
    }
}

/// Returns a host without limitations.
pub(crate) fn machine() -> Machine {
    Machine {
        cgroups: CgroupMode::Delegated,
        cgroup_parent: None,
        host_store: None,
        storage_driver: StorageDriver::Overlay,
        fuse: true,
        ping_groups: (0, 65_535),
        many_ports: true,
        ipv6: true,
        ip_vs: true,
        timeouts: Default::default(),
        limits_remedy: None,
        proxy: Default::default(),
    }
}

/// Returns the identity of a node with the addresses of this index.
pub(crate) fn identity(name: &str, role: Role, index: u8) -> NodeIdentity {
    NodeIdentity {
        name: name.to_owned(),
        role,
        address: [10, 89, 0, 2 + index].into(),
        pod_subnet: format!("10.244.{index}.0/24").parse().unwrap(),
        pod_subnet6: None,
    }
}

/// Creates the network of a cluster and a container with its volume.
pub(crate) async fn create_resources(
    podman: &Scripted,
    cluster: &str,
    container: ContainerOptions,
) {
    let labels = crate::plan::labels(&cluster.parse().unwrap());
    let network = NetworkOptions {
        name: format!("kipod-{cluster}"),
        subnet: format!("10.89.{}.0/24", cluster.bytes().map(u32::from).sum::<u32>() % 256),
        gateway: [10, 89, 0, 1].into(),
        ipv6: None,
        labels: labels.clone(),
    };
    let volume = VolumeOptions { name: container.name.clone(), labels };
    podman.create_network(&network).await.unwrap();
    podman.create_volume(&volume).await.unwrap();
    podman.create_container(&container).await.unwrap();
}
