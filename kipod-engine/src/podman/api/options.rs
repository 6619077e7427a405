//! Options of containers, networks and volumes to be created, as plain data.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use serde::Serialize;

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

/// Options of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerOptions {
    /// The container's name.
    pub name: String,
    /// The host name in the container.
    pub hostname: String,
    /// The image's reference or id. The image must be in the user's store.
    pub image: String,
    /// `true` if the first process is systemd, which needs a privileged container.
    pub systemd: bool,
    /// The command and its arguments; the image's own if empty.
    pub command: Vec<String>,
    /// Environment variables of the first process.
    pub env: BTreeMap<String, String>,
    /// Labels of the container.
    pub labels: Labels,
    /// Named volumes.
    pub volumes: Vec<VolumeMount>,
    /// Bind mounts.
    pub binds: Vec<Bind>,
    /// Paths in the container to mount a tmpfs at.
    pub tmpfs: Vec<String>,
    /// Devices of the host: paths, or names of the Container Device Interface.
    pub devices: Vec<String>,
    /// The limit of processor time, in thousandths of a processor.
    pub milli_cpus: Option<u32>,
    /// The limit of memory, in bytes.
    pub memory: Option<u64>,
    /// The container's network.
    pub network: NetworkAttachment,
    /// Ports published on the host.
    pub ports: Vec<PortMapping>,
    /// DNS search domains; `None` uses those of the host.
    pub dns_search: Option<Vec<String>>,
    /// The parent of the container's cgroup; `None` uses Podman's default.
    pub cgroup_parent: Option<String>,
    /// The number of the signal that stops the first process.
    pub stop_signal: i64,
    /// Seconds from the stop signal to SIGKILL.
    pub stop_timeout: u64,
    /// `true` if Podman restarts it when it ends, and when `podman-restart.service` starts.
    pub restart: bool,
}

#[cfg(any(test, feature = "testing"))]
impl ContainerOptions {
    /// Creates the options of a container with a name and labels, for tests.
    pub(crate) fn plain(name: &str, labels: Labels) -> Self {
        Self {
            name: name.to_owned(),
            hostname: name.to_owned(),
            image: "image".to_owned(),
            systemd: true,
            command: Vec::new(),
            env: BTreeMap::new(),
            labels,
            volumes: Vec::new(),
            binds: Vec::new(),
            tmpfs: Vec::new(),
            devices: Vec::new(),
            milli_cpus: None,
            memory: None,
            network: NetworkAttachment {
                name: "net".to_owned(),
                address: Ipv4Addr::new(10, 89, 0, 2),
                address6: None,
            },
            ports: Vec::new(),
            dns_search: None,
            cgroup_parent: None,
            stop_signal: 37,
            stop_timeout: 10,
            restart: true,
        }
    }
}

/// A named volume mounted into a container, with `exec`, `suid` and `dev` allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeMount {
    /// The volume's name.
    pub name: String,
    /// The path in the container.
    pub target: String,
}

/// A bind mount: a file or directory of the host in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bind {
    /// The path on the host.
    pub source: PathBuf,
    /// The path in the container.
    pub target: String,
    /// `true` if the container cannot write to it.
    pub read_only: bool,
    /// Mount options of podman-run(1): `bind` excludes mounts below the source, `rbind` includes them,
    /// `rslave` and `rshared` propagate later mounts, `z` adds an SELinux label.
    pub options: Vec<&'static str>,
}

/// A network and the container's static addresses in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkAttachment {
    /// The network's name.
    pub name: String,
    /// The IPv4 address.
    pub address: Ipv4Addr,
    /// The IPv6 address, if the network has IPv6.
    pub address6: Option<Ipv6Addr>,
}

/// A published port of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortMapping {
    /// The address of the host to listen on.
    pub host_address: IpAddr,
    /// The port of the host; for `None` Podman chooses a port once.
    pub host_port: Option<u16>,
    /// The port of the container.
    pub container_port: u16,
    /// The protocol: `tcp`, `udp` or `sctp`.
    pub protocol: &'static str,
    /// The number of consecutive ports to publish, usually 1.
    pub count: u16,
}

/// Options of a bridge network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkOptions {
    /// The network's name.
    pub name: String,
    /// The IPv4 subnet, as `ADDRESS/LENGTH`.
    pub subnet: String,
    /// The address of the bridge in the subnet.
    pub gateway: Ipv4Addr,
    /// The IPv6 subnet and the address of the bridge in it, if the network has IPv6.
    pub ipv6: Option<(String, Ipv6Addr)>,
    /// Labels of the network.
    pub labels: Labels,
}

/// Options of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeOptions {
    /// The volume's name.
    pub name: String,
    /// Labels of the volume.
    pub labels: Labels,
}

/// Keeps an image in the user's store: Podman then removes neither the image nor its layers when it
/// prunes images or removes another name of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageHold {
    /// The name of a container of the image, which is never started.
    pub container: String,
    /// The image's id.
    pub image: String,
    /// The repository of an additional name of the image.
    pub repository: String,
    /// The tag of this name.
    pub tag: String,
    /// Labels of the container.
    pub labels: Labels,
}

impl ImageHold {
    /// Returns the additional name of the image.
    pub fn name(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }
}
