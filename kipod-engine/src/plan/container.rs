//! Containers of nodes and of the load balancer.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Serialize;

use super::addresses::address6;
use super::names::{load_balancer_name, network_name};
use super::{
    LOAD_BALANCER, Machine, NodeIdentity, image_store, label, labels, mounts_and_ports, status_dir,
};
use crate::node::{
    API_PORT, CLUSTER_STORE, CONTROL_PLANE_STORE, HOST_STORE, NodeFile, SHARED_STORE, STATUS_DIR,
};
use crate::node_image::NodeImage;
use crate::podman::{
    Bind, ContainerOptions, NetworkAttachment, PortMapping, VolumeMount, VolumeOptions,
};
use crate::spec::{ClusterSpec, NodeSpec};

/// The plan of a node or load balancer.
#[derive(Debug, Clone, Serialize)]
pub struct NodePlan {
    /// The name of the node, its container and its volume.
    pub name: String,
    /// The pod CIDRs. A load balancer has none.
    pub pod_subnets: Vec<IpNet>,
    /// The volume.
    pub volume: VolumeOptions,
    /// The container.
    pub container: ContainerOptions,
    /// The host directory to which it reports its progress.
    pub status_dir: PathBuf,
    /// The files on its volume. Not printed, because they contain secrets.
    #[serde(skip)]
    pub files: Vec<NodeFile>,
}

/// SIGRTMIN+3, the signal that stops systemd. The number is the same in glibc and musl.
/// Source: systemd(1), "Signals", and the C libraries' SIGRTMIN of 34.
const STOP_SIGNAL: i64 = 37;
/// Timeout for stopping a node before it is killed. systemd stops its units within three seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The search path of the first process and of commands that are run in the container: Podman's default,
/// instead of one in the user's containers.conf.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the image stores of a node, in search order.
pub(super) fn image_stores(
    spec: &ClusterSpec,
    machine: &Machine,
    image: &NodeImage,
    control_plane_store: &Path,
) -> Vec<&'static str> {
    // Images loaded into the cluster replace all others of the same name.
    let mut stores = vec![CLUSTER_STORE, SHARED_STORE];
    if image.image_store != control_plane_store {
        stores.push(CONTROL_PLANE_STORE);
    }
    if host_store(spec, machine).is_some() {
        stores.push(HOST_STORE);
    }
    stores
}

/// Returns the user's image store, if nodes can read it and the specification allows it.
pub(crate) fn host_store<'a>(spec: &ClusterSpec, machine: &'a Machine) -> Option<&'a Path> {
    machine.host_store.as_deref().filter(|_| spec.host_images)
}

/// Publishes the API server on the host.
pub(super) fn published_api_server(spec: &ClusterSpec, api_port: u16) -> PortMapping {
    PortMapping {
        host_address: spec.networking.api_server_address,
        host_port: Some(api_port),
        container_port: API_PORT,
        protocol: "tcp",
        count: 1,
    }
}

/// Settings that all containers of a cluster share.
pub(super) struct ContainerTemplate<'a> {
    pub(super) spec: &'a ClusterSpec,
    pub(super) machine: &'a Machine,
    pub(super) cluster_dir: &'a Path,
    /// The image store for the control plane's Kubernetes version.
    pub(super) control_plane_store: &'a Path,
}

impl ContainerTemplate<'_> {
    /// Plans a node.
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
        // kubelet needs a kernel log, but must not read the host's.
        container.binds.push(bind(Path::new("/dev/null"), "/dev/kmsg", false));
        container.binds.push(bind(&image.image_store, SHARED_STORE, true));
        if image.image_store != self.control_plane_store {
            let store = self.control_plane_store;
            container.binds.push(bind(store, CONTROL_PLANE_STORE, true));
        }
        container.binds.push(bind(&image_store(self.cluster_dir), CLUSTER_STORE, true));
        if let Some(store) = host_store(self.spec, self.machine) {
            // Only images and layers, without the volumes and secrets next to them.
            let driver = self.machine.storage_driver.name();
            for part in [driver.to_owned(), format!("{driver}-images"), format!("{driver}-layers")]
            {
                let target = format!("{HOST_STORE}/{part}");
                container.binds.push(bind(&store.join(&part), &target, true));
            }
        }
        let fuse = self.machine.fuse.then(|| "/dev/fuse".to_owned());
        container.devices = fuse.into_iter().chain(spec.devices.iter().cloned()).collect();
        container.milli_cpus = spec.resources.milli_cpus;
        container.memory = spec.resources.memory;
        container.env.extend(spec.env.clone());
        container.ports = ports;
        mounts_and_ports::add(spec, container);
        node
    }

    /// Plans the load balancer. It runs HAProxy from the node image.
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
        // Overrides the label of the image.
        plan.container.labels.insert(label::KUBERNETES_VERSION.to_owned(), String::new());
        plan
    }

    /// Plans a container that runs systemd, has its own volume, and reports its progress.
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
            // By ID, because a tag can be moved to another image at any time.
            image: image.id.clone(),
            systemd: true,
            command: vec!["/sbin/init".to_owned()],
            env: [("container", "podman"), ("PATH", PATH)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            labels: container_labels,
            volumes: vec![VolumeMount { name: name.to_owned(), target: "/var".to_owned() }],
            binds: vec![bind(&status_dir, STATUS_DIR, false)],
            tmpfs: vec!["/run".to_owned(), "/tmp".to_owned()],
            devices: Vec::new(),
            milli_cpus: None,
            memory: None,
            network: NetworkAttachment {
                name: network_name(&self.spec.name),
                address,
                address6: family.has_ipv6().then(|| address6(address)),
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
    // Not recursive: `ro` would leave nested mounts writable.
    let options = vec!["bind"];
    Bind { source: source.to_owned(), target: target.to_owned(), read_only, options }
}
