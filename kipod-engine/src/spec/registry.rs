//! Where images are pulled from.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::RegistryAuth;

/// Where the images of a registry, or of a part of one, are pulled from. It becomes a `[[registry]]`
/// of containers-registries.conf(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// What the names of the images it is for begin with: `docker.io`, `registry:5000/team`, or
    /// `*.example.com` for every host below a domain.
    pub prefix: String,
    /// What is put in its place to pull them; `None` leaves the name as it is.
    pub location: Option<String>,
    /// Whether it may speak HTTP, or have a certificate that nobody vouches for; not by default.
    pub insecure: bool,
    /// Where they are tried to be pulled from first, in this order; none by default.
    pub mirrors: Vec<Mirror>,
}

/// Another place with the same images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// What is put in the place of the prefix.
    pub location: String,
    /// Whether it may speak HTTP, or have a certificate that nobody vouches for; not by default.
    pub insecure: bool,
}

/// A registry of this machine that kipod runs: by one name, `localhost:PORT`, the host pushes to it
/// and nodes pull from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalRegistry {
    /// Its name, and that of its container and volume.
    pub name: String,
    /// The port of the host's loopback at which it is published.
    pub port: u16,
    /// The address at which nodes reach it.
    pub address: Ipv4Addr,
}

impl LocalRegistry {
    /// The port inside its container: the one that every registry image listens on.
    pub(crate) const CONTAINER_PORT: u16 = 5000;

    /// What the names of its images begin with, on the host and in pods: `localhost:PORT`.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// How a node pulls its images: not from the node's own loopback.
    pub(crate) fn as_registry(&self) -> Registry {
        Registry {
            prefix: self.host(),
            location: Some(format!("{}:{}", self.address, Self::CONTAINER_PORT)),
            insecure: true,
            mirrors: Vec::new(),
        }
    }
}

/// What nodes are told of registries beside what the cluster's spec says: found on the machine when
/// they are created.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundRegistries {
    /// The credentials to pull with; none by default.
    pub auth: Option<RegistryAuth>,
    /// The registries of this machine.
    pub local: Vec<LocalRegistry>,
}
