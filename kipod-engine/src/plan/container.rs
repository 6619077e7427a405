//! The containers that nodes, and the load balancer, run in.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use super::{
    LOAD_BALANCER, Machine, NodeIdentity, NodePlan, identity, image_store, label, labels,
    load_balancer_name, network_name, options, status_dir,
};
use crate::node::{
    API_PORT, CLUSTER_STORE, CONTROL_PLANE_STORE, HOST_STORE, NodeFile, SHARED_STORE, STATUS_DIR,
};
use crate::node_image::NodeImage;
use crate::podman::{
    Bind, ContainerOptions, NetworkAttachment, PortMapping, VolumeMount, VolumeOptions,
};
use crate::spec::{ClusterSpec, NodeSpec};

/// The number of SIGRTMIN+3, which asks systemd to stop, with glibc and musl alike.
/// Source: systemd(1), "Signals", and the C libraries' SIGRTMIN of 34.
const STOP_SIGNAL: i64 = 37;
/// How long a node has to stop before it is killed: systemd ends its units within three.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The image stores of a node, in the order they are searched.
pub(super) fn image_stores(
    spec: &ClusterSpec,
    machine: &Machine,
    image: &NodeImage,
    control_plane_store: &Path,
) -> Vec<&'static str> {
    let mut stores = vec![SHARED_STORE];
    if image.image_store != control_plane_store {
        stores.push(CONTROL_PLANE_STORE);
    }
    // What was loaded on purpose comes before what is there anyway.
    stores.push(CLUSTER_STORE);
    if host_store(spec, machine).is_some() {
        stores.push(HOST_STORE);
    }
    stores
}

/// The user's own image store, where it can and may be seen.
pub(crate) fn host_store<'a>(spec: &ClusterSpec, machine: &'a Machine) -> Option<&'a Path> {
    machine.host_store.as_deref().filter(|_| spec.host_images)
}

/// The API server's port on the host.
pub(super) fn published(spec: &ClusterSpec, api_port: u16) -> PortMapping {
    PortMapping {
        host_address: spec.networking.api_server_address,
        host_port: Some(api_port),
        container_port: API_PORT,
        protocol: "tcp",
        count: 1,
    }
}

/// What all containers of a cluster have in common.
pub(super) struct ContainerTemplate<'a> {
    pub(super) spec: &'a ClusterSpec,
    pub(super) machine: &'a Machine,
    pub(super) cluster_dir: &'a Path,
    /// The image store of the control plane's version.
    pub(super) control_plane_store: &'a Path,
}

impl ContainerTemplate<'_> {
    /// A node.
    pub(super) fn node(
        &self,
        identity: &NodeIdentity,
        spec: &NodeSpec,
        image: &NodeImage,
        ports: Vec<PortMapping>,
        files: Vec<NodeFile>,
    ) -> NodePlan {
        let mut node =
            self.container(&identity.name, identity.role.name(), identity.address, image, files);
        node.pod_subnets = identity.pod_subnets(self.spec.networking.ip_family);
        let container = &mut node.container;
        container
            .labels
            .insert(label::KUBERNETES_VERSION.to_owned(), image.kubernetes_version.to_string());
        // kubelet wants a kernel log, and the host's is not for it.
        container.binds.push(bind(Path::new("/dev/null"), "/dev/kmsg", false));
        container.binds.push(bind(&image.image_store, SHARED_STORE, true));
        if image.image_store != self.control_plane_store {
            let store = self.control_plane_store;
            container.binds.push(bind(store, CONTROL_PLANE_STORE, true));
        }
        container.binds.push(bind(&image_store(self.cluster_dir), CLUSTER_STORE, true));
        if let Some(store) = host_store(self.spec, self.machine) {
            // Images and their layers, and not what lies beside them: volumes and secrets.
            let driver = self.machine.storage_driver.name();
            for part in [driver.to_owned(), format!("{driver}-images"), format!("{driver}-layers")]
            {
                let target = format!("{HOST_STORE}/{part}");
                container.binds.push(bind(&store.join(&part), &target, true));
            }
        }
        container.devices = self.machine.fuse.then(|| "/dev/fuse".into()).into_iter().collect();
        container.ports = ports;
        options::add(spec, container);
        node
    }

    /// What is in front of several control planes. It has a node's image, and none of its work.
    pub(super) fn balancer(
        &self,
        address: Ipv4Addr,
        image: &NodeImage,
        ports: Vec<PortMapping>,
        files: Vec<NodeFile>,
    ) -> NodePlan {
        let name = load_balancer_name(&self.spec.name);
        let mut plan = self.container(&name, LOAD_BALANCER, address, image, files);
        plan.container.ports = ports;
        // It has the image's otherwise.
        plan.container.labels.insert(label::KUBERNETES_VERSION.to_owned(), String::new());
        plan
    }

    /// A container that runs systemd on a volume of its own, and says what it has reached.
    fn container(
        &self,
        name: &str,
        role: &str,
        address: Ipv4Addr,
        image: &NodeImage,
        files: Vec<NodeFile>,
    ) -> NodePlan {
        let labels = labels(&self.spec.name);
        let family = self.spec.networking.ip_family;
        let status_dir = status_dir(self.cluster_dir, name);
        let mut container_labels = labels.clone();
        container_labels.insert(label::ROLE.to_owned(), role.to_owned());
        let container = ContainerOptions {
            name: name.to_owned(),
            hostname: name.to_owned(),
            // By id: the name may be given to another image at any time.
            image: image.id.clone(),
            systemd: true,
            command: vec!["/sbin/init".to_owned()],
            env: [("container".to_owned(), "podman".to_owned())].into(),
            labels: container_labels,
            volumes: vec![VolumeMount { name: name.to_owned(), target: "/var".to_owned() }],
            binds: vec![bind(&status_dir, STATUS_DIR, false)],
            tmpfs: vec!["/run".to_owned(), "/tmp".to_owned()],
            devices: Vec::new(),
            network: NetworkAttachment {
                name: network_name(&self.spec.name),
                address,
                address6: family.has_ipv6().then(|| identity::address6(address)),
            },
            ports: Vec::new(),
            dns_search: self.spec.networking.dns_search.clone(),
            cgroup_parent: self.machine.cgroup_parent.clone(),
            stop_signal: STOP_SIGNAL,
            stop_timeout: self.machine.timeouts.scale(STOP_TIMEOUT).as_secs().max(1),
            restart: true,
        };
        NodePlan {
            name: name.to_owned(),
            pod_subnets: Vec::new(),
            volume: VolumeOptions { name: name.to_owned(), labels },
            container,
            status_dir,
            files,
        }
    }
}

fn bind(source: &Path, target: &str, read_only: bool) -> Bind {
    // Not what is mounted below it: `ro` would leave that writable.
    let options = vec!["bind"];
    Bind { source: source.to_owned(), target: target.to_owned(), read_only, options }
}
