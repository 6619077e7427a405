//! Errors of the creation and deletion of registries.

use std::time::Duration;

use super::RegistryName;
use crate::cluster::RecordError;
use crate::lease::LeaseError;
use crate::podman::PodmanError;
use crate::util::Hint;
use crate::util::text::{indent_lines, indent_list};

/// An error of the creation or deletion of a registry.
///
/// ```no_run
/// use kipod_engine::{Engine, Error, RegistryError, RegistryName};
///
/// async fn create(engine: &Engine, port: u16) -> Result<(), Error> {
///     match engine.create_registry(RegistryName::default()).port(port).await {
///         Err(Error::Registry(RegistryError::Exists { name, differences })) => {
///             println!("`{name}` already runs with {}", differences.join(" and "));
///             Ok(())
///         }
///         created => created.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A registry with this name exists and differs from the requested one.
    #[error("registry `{name}` already exists, with {}", .differences.join(" and "))]
    Exists {
        /// The name.
        name: RegistryName,
        /// The properties of the existing registry that differ.
        differences: Vec<String>,
    },
    /// Another process creates or deletes registries.
    #[error("another process is creating or deleting a registry")]
    Busy,
    /// The lock cannot be used.
    #[error(transparent)]
    Lock(
        #[from]
        #[doc(hidden)]
        LeaseError,
    ),
    /// The records of clusters, whose subnets must not be used, cannot be listed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The requested port is in use, or no port is free.
    #[error("registry `{name}` cannot listen on 127.0.0.1:{port}")]
    Port {
        /// The name.
        name: RegistryName,
        /// The port; 0 is any.
        port: u16,
        /// The cause.
        source: std::io::Error,
    },
    /// Another registry, which may be stopped, has the requested port.
    #[error(
        "registry `{name}` cannot listen on 127.0.0.1:{port}: registry `{other}` has that port"
    )]
    PortOfOther {
        /// The name.
        name: RegistryName,
        /// The port.
        port: u16,
        /// The name of the other registry.
        other: String,
    },
    /// No subnet is free.
    #[error("every subnet from 10.89.0.0/24 to 10.89.255.0/24 is in use")]
    NoSubnet,
    /// An operation of Podman failed.
    #[error("podman failed to manage registry `{name}`")]
    Podman {
        /// The name.
        name: RegistryName,
        /// The cause.
        source: PodmanError,
    },
    /// The registry does not become ready.
    #[error(
        "timed out after {}s waiting for registry `{name}`: {reason}{}",
        .waited.as_secs(), indent_lines(.log)
    )]
    NotReady {
        /// The name.
        name: RegistryName,
        /// The timeout.
        waited: Duration,
        /// The result of the last request.
        reason: String,
        /// The last lines of its container's log.
        log: String,
        /// `true` if it existed before, so that its image is not the cause.
        existed: bool,
    },
    /// Some resources of the registry could not be removed. All others are removed.
    #[error("failed to delete registry `{name}` completely:{}", indent_list(.errors))]
    Incomplete {
        /// The name.
        name: RegistryName,
        /// The remaining resources with the causes.
        errors: Vec<String>,
    },
    /// The operation was cancelled.
    #[error("creation of registry `{name}` was interrupted")]
    Cancelled {
        /// The name.
        name: RegistryName,
    },
}

impl Hint for RegistryError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Exists { name, .. } => {
                return Some(format!(
                    "omit the flags to use it, delete it (`kipod delete registry {name}`), or choose another name"
                ));
            }
            Self::Busy => "wait until the other process has finished",
            Self::Port { .. } => "omit the port, and kipod selects a free one",
            Self::PortOfOther { other, .. } => {
                return Some(format!(
                    "omit the port, and kipod selects a free one, or delete the other registry (`kipod delete registry {other}`)"
                ));
            }
            Self::NoSubnet => "delete clusters, or networks with `podman network prune`",
            Self::Podman { source, .. } => return source.hint(),
            Self::NotReady { name, existed: true, .. } => {
                return Some(format!(
                    "`kipod delete registry {name}` removes it with all its images, and then it can be created again"
                ));
            }
            Self::NotReady { existed: false, .. } => {
                "`--image` takes an image of a registry that listens on port 5000, such as `docker.io/library/registry:3`"
            }
            Self::Incomplete { name, .. } => {
                return Some(format!(
                    "fix the cause, then run `kipod delete registry {name}` again"
                ));
            }
            Self::Record(error) => return error.hint(),
            Self::Lock(_) | Self::Cancelled { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
