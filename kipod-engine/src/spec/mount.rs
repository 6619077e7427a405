//! Host paths and host ports of a node.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::location::Origin;
use crate::util::string_enum::string_enum;

/// A file or directory of the host that is mounted into a node.
///
/// ```
/// use kipod_engine::spec::{ExtraMount, NodeSpec};
/// use kipod_engine::{ClusterSpec, Role};
///
/// let mut sources = ExtraMount::new("./src", "/src");
/// sources.read_only = true;
/// let mut node = NodeSpec::new(Role::Worker);
/// node.extra_mounts.push(sources);
/// let spec = ClusterSpec::builder("demo").node(node).build()?;
/// assert_eq!(spec.nodes[1].extra_mounts[0].container_path, "/src");
/// # Ok::<(), kipod_engine::spec::ValidationErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExtraMount {
    /// The path on the host. A relative path starts at the current directory.
    pub host_path: PathBuf,
    /// The absolute path inside the node.
    pub container_path: String,
    /// `true` for a read-only mount. Default: `false`.
    pub read_only: bool,
    /// `true` to relabel the host's files for containers on hosts with SELinux. Default: `false`.
    pub selinux_relabel: bool,
    /// The mount propagation. Default: `None`.
    pub propagation: Propagation,
    /// The position of the host path.
    #[serde(skip)]
    pub(crate) origin: Origin,
}

string_enum! {
    /// The propagation of later mounts below a mount.
    ///
    /// ```
    /// use kipod_engine::spec::{ExtraMount, Propagation};
    ///
    /// let mut devices = ExtraMount::new("/mnt/volumes", "/volumes");
    /// assert_eq!(devices.propagation, Propagation::None);
    /// devices.propagation = Propagation::HostToContainer;
    /// ```
    pub enum Propagation: "a propagation" {
        /// No propagation.
        None = "None",
        /// Mounts of the host appear in the node.
        HostToContainer = "HostToContainer",
        /// Mounts of the host appear in the node, and mounts of the node on the host.
        Bidirectional = "Bidirectional",
    }
}

impl ExtraMount {
    /// Creates a writable mount of a host path.
    pub fn new(host_path: impl Into<PathBuf>, container_path: impl Into<String>) -> Self {
        Self {
            host_path: host_path.into(),
            container_path: container_path.into(),
            read_only: false,
            selinux_relabel: false,
            propagation: Propagation::default(),
            origin: Origin::default(),
        }
    }
}

/// A host port that is forwarded to a node.
///
/// ```
/// use kipod_engine::spec::{ExtraPort, NodeSpec};
/// use kipod_engine::{ClusterSpec, Role};
///
/// let mut https = ExtraPort::new(30443);
/// https.host_port = Some(8443);
/// https.listen_address = "127.0.0.1".parse()?;
/// let mut node = NodeSpec::new(Role::ControlPlane);
/// node.extra_port_mappings.push(https);
/// let spec = ClusterSpec::builder("demo").node(node).build()?;
/// # let _ = spec;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExtraPort {
    /// The port inside the node.
    pub container_port: u16,
    /// The port on the host. `None` selects a free port, which stays the same while the cluster exists.
    pub host_port: Option<u16>,
    /// The listen address on the host. Default: `0.0.0.0`, all addresses, as in kind.
    pub listen_address: IpAddr,
    /// The protocol. Default: TCP.
    pub protocol: Protocol,
    /// The position of the mapping.
    #[serde(skip)]
    pub(crate) origin: Origin,
}

impl ExtraPort {
    /// The default listen address: all addresses of the host, as in kind.
    pub const LISTEN_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    /// Creates a TCP mapping to a container port from a free host port on all addresses.
    pub fn new(container_port: u16) -> Self {
        Self {
            container_port,
            host_port: None,
            listen_address: Self::LISTEN_ADDRESS,
            protocol: Protocol::default(),
            origin: Origin::default(),
        }
    }

    /// Returns whether both mappings need the same host port.
    pub fn collides(&self, other: &Self) -> bool {
        let (one, two) = (self.listen_address, other.listen_address);
        self.protocol == other.protocol
            && self.host_port.is_some()
            && self.host_port == other.host_port
            // An unspecified address, of either family, covers all addresses.
            && (one == two || one.is_unspecified() || two.is_unspecified())
    }
}

string_enum! {
    /// A transport protocol.
    ///
    /// ```
    /// use kipod_engine::spec::{ExtraPort, Protocol};
    ///
    /// let mut dns = ExtraPort::new(30053);
    /// assert_eq!(dns.protocol, Protocol::Tcp);
    /// dns.protocol = Protocol::Udp;
    /// ```
    pub enum Protocol: "a protocol" {
        /// TCP.
        Tcp = "TCP",
        /// UDP.
        Udp = "UDP",
        /// SCTP.
        Sctp = "SCTP",
    }
}
