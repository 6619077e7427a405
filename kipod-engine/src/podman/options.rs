//! What a container, network or volume shall be, as plain data: the plan writes it, Podman gets it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use serde::Serialize;

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

/// A container to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerOptions {
    /// The container's name.
    pub name: String,
    /// The host name inside.
    pub hostname: String,
    /// The image's reference or id; it must be in the user's store already.
    pub image: String,
    /// Whether its first process is systemd, and it is privileged for that, as a node is.
    pub systemd: bool,
    /// The program and its arguments, in place of the image's own; none leaves it to the image.
    pub command: Vec<String>,
    /// Environment of the first process.
    pub env: BTreeMap<String, String>,
    /// Labels of the container.
    pub labels: Labels,
    /// Named volumes.
    pub volumes: Vec<VolumeMount>,
    /// Files and folders of the host.
    pub binds: Vec<Bind>,
    /// Paths inside that are a tmpfs each.
    pub tmpfs: Vec<String>,
    /// Devices of the host, by path.
    pub devices: Vec<PathBuf>,
    /// The one network the container joins.
    pub network: NetworkAttachment,
    /// Ports published on the host.
    pub ports: Vec<PortMapping>,
    /// Domains in which names are searched; `None` is those of the host.
    pub dns_search: Option<Vec<String>>,
    /// The cgroup below which the container's own is made; `None` leaves it to Podman.
    pub cgroup_parent: Option<String>,
    /// The signal that asks the first process to stop, by number.
    pub stop_signal: i64,
    /// Seconds between that signal and SIGKILL.
    pub stop_timeout: u64,
    /// Whether Podman starts it again after `podman-restart.service` or its own end.
    pub restart: bool,
}

#[cfg(test)]
impl ContainerOptions {
    /// A container of which a test says no more than its name and its labels.
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
    /// The path inside.
    pub target: String,
}

/// A file or folder of the host mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bind {
    /// The path on the host.
    pub source: PathBuf,
    /// The path inside.
    pub target: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
    /// How it is mounted, in podman-run(1)'s words: `bind` without what is mounted below it, `rbind`
    /// with that, `rslave` and `rshared` with what comes later too, `z` with a label for SELinux.
    pub options: Vec<&'static str>,
}

/// A network and the fixed addresses on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkAttachment {
    /// The network's name.
    pub name: String,
    /// The container's address, the same after every restart.
    pub address: Ipv4Addr,
    /// Its IPv6 address, where the network has IPv6.
    pub address6: Option<Ipv6Addr>,
}

/// A port of a container published on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortMapping {
    /// The host's address to listen on.
    pub host_address: IpAddr,
    /// The host's port; `None` leaves the choice to Podman, which makes it once.
    pub host_port: Option<u16>,
    /// The container's port.
    pub container_port: u16,
    /// The protocol: `tcp`, `udp` or `sctp`.
    pub protocol: &'static str,
    /// How many ports, from these on, are published alike; one most often.
    pub count: u16,
}

/// A bridge network to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkOptions {
    /// The network's name.
    pub name: String,
    /// Its subnet, as `ADDRESS/LENGTH`.
    pub subnet: String,
    /// The bridge's own address in that subnet.
    pub gateway: Ipv4Addr,
    /// Its IPv6 subnet and the bridge's own address in that, where it has IPv6.
    pub ipv6: Option<(String, Ipv6Addr)>,
    /// Labels of the network.
    pub labels: Labels,
}

/// A volume to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeOptions {
    /// The volume's name.
    pub name: String,
    /// Labels of the volume.
    pub labels: Labels,
}
