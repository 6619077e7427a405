//! Registries that nodes pull images from.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::RegistryAuth;

/// The pull settings of a registry, or of a part of one: a `[[registry]]` of
/// containers-registries.conf(5).
///
/// ```
/// use kipod_engine::ClusterSpec;
/// use kipod_engine::spec::{Mirror, Registry};
///
/// let mut docker = Registry::new("docker.io");
/// docker.mirrors.push(Mirror::new("mirror.example.com/docker"));
/// let spec = ClusterSpec::builder("demo").registry(docker).build()?;
/// assert_eq!(spec.registries[0].prefix, "docker.io");
/// # Ok::<(), kipod_engine::spec::ValidationErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Registry {
    /// The prefix of the image names that the settings apply to: `docker.io`, `registry:5000/team`, or
    /// `*.example.com` for all hosts of a domain.
    pub prefix: String,
    /// The location that replaces the prefix when images are pulled. Default: `None`, the prefix itself.
    pub location: Option<String>,
    /// `true` to allow HTTP and untrusted certificates. Default: `false`.
    pub insecure: bool,
    /// The mirrors to try first, in order. Default: none.
    pub mirrors: Vec<Mirror>,
}

impl Registry {
    /// Creates default settings for images with a prefix.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), location: None, insecure: false, mirrors: Vec::new() }
    }
}

/// A mirror of a registry.
///
/// ```
/// use kipod_engine::spec::Mirror;
///
/// let mut local = Mirror::new("mirror.internal:5000");
/// local.insecure = true;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mirror {
    /// The location that replaces the prefix.
    pub location: String,
    /// `true` to allow HTTP and untrusted certificates. Default: `false`.
    pub insecure: bool,
}

impl Mirror {
    /// Creates a mirror with default settings.
    pub fn new(location: impl Into<String>) -> Self {
        Self { location: location.into(), insecure: false }
    }
}

/// A local registry that kipod runs on this host. The host pushes to it and nodes pull from it by the
/// same name, `localhost:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalRegistry {
    /// The name of the registry, its container and its volume.
    pub name: String,
    /// The loopback port of the host on which it is published.
    pub port: u16,
    /// The address for nodes.
    pub address: Ipv4Addr,
}

impl LocalRegistry {
    /// The port in its container, the default of registry images.
    pub(crate) const CONTAINER_PORT: u16 = 5000;

    /// Returns the prefix of its image names, on the host and in pods: `localhost:PORT`.
    pub fn host(&self) -> String {
        Self::host_of(self.port)
    }

    /// Returns the prefix of the image names of the registry with this port.
    pub(crate) fn host_of(port: u16) -> String {
        format!("localhost:{port}")
    }

    /// Returns the pull settings for nodes, which cannot use the host's loopback.
    pub(crate) fn as_registry(&self) -> Registry {
        Registry {
            prefix: self.host(),
            location: Some(format!("{}:{}", self.address, Self::CONTAINER_PORT)),
            insecure: true,
            mirrors: Vec::new(),
        }
    }
}

/// Registry settings of nodes that are found on the host when the nodes are created.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundRegistries {
    /// The credentials for pulls; none by default.
    pub auth: Option<RegistryAuth>,
    /// The local registries.
    pub local: Vec<LocalRegistry>,
    /// The certificate authorities, in PEM, that nodes trust in addition; none by default.
    pub ca_certificates: Option<String>,
}
