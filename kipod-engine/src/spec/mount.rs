//! What of the host a node sees: files and ports.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::util::words::words;

/// A file or folder of the host, mounted into a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraMount {
    /// The path on the host; one that is not absolute starts at the current folder.
    pub host_path: PathBuf,
    /// The absolute path inside the node.
    pub container_path: String,
    /// Whether the node may not write to it; it may by default.
    pub read_only: bool,
    /// Whether the host's files get a label with which every container may use them, where SELinux
    /// is on; they keep theirs by default.
    pub selinux_relabel: bool,
    /// Which mounts that come later are passed on; none by default.
    pub propagation: Propagation,
}

words! {
    /// Which mounts below a mount are passed on when they come later.
    pub enum Propagation: "a propagation" {
        /// None.
        None = "None",
        /// Those of the host are seen in the node.
        HostToContainer = "HostToContainer",
        /// Those of each are seen in the other.
        Bidirectional = "Bidirectional",
    }
}

/// A port of the host, passed on to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraPort {
    /// The port inside the node.
    pub container_port: u16,
    /// The port on the host; `None` is any free one, the same for the cluster's life.
    pub host_port: Option<u16>,
    /// The host's address; by default `0.0.0.0`, which is all of its addresses, as in kind.
    pub listen_address: IpAddr,
    /// The protocol; TCP by default.
    pub protocol: Protocol,
}

impl ExtraPort {
    /// Where ports are published unless told: on all of the host's addresses, as in kind.
    pub const LISTEN_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    /// Whether both want the same port of the host.
    pub fn collides(&self, other: &Self) -> bool {
        let (one, two) = (self.listen_address, other.listen_address);
        self.protocol == other.protocol
            && self.host_port.is_some()
            && self.host_port == other.host_port
            // The address that means all of them, of either family, leaves no other.
            && (one == two || one.is_unspecified() || two.is_unspecified())
    }
}

words! {
    /// A transport protocol.
    pub enum Protocol: "a protocol" {
        /// TCP.
        Tcp = "TCP",
        /// UDP.
        Udp = "UDP",
        /// SCTP.
        Sctp = "SCTP",
    }
}
