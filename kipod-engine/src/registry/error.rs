//! Why a registry could not be created or deleted.

use std::time::Duration;

use super::RegistryName;
use crate::cluster::RecordError;
use crate::lease::LeaseError;
use crate::podman::PodmanError;
use crate::util::Hint;
use crate::util::text::indent_list;

/// Something could not be done with a registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is one of that name, which is not what was asked for.
    #[error("registry `{name}` exists already, with {}", .differs.join(" and "))]
    Exists {
        /// The name.
        name: RegistryName,
        /// What it has, in place of what was asked for.
        differs: Vec<String>,
    },
    /// Another process creates or deletes registries.
    #[error("another process is creating or deleting a registry")]
    Busy,
    /// The lock cannot be used.
    #[error(transparent)]
    Lock(#[from] LeaseError),
    /// The records of clusters, whose subnets are left free, cannot be listed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The port asked for is taken, or none is free.
    #[error("registry `{name}` cannot listen on 127.0.0.1:{port}: {source}")]
    Port {
        /// The name.
        name: RegistryName,
        /// The port; 0 is any.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// Another registry, which may be stopped, has the port asked for.
    #[error(
        "registry `{name}` cannot listen on 127.0.0.1:{port}: registry `{other}` has that port"
    )]
    PortOfOther {
        /// The name.
        name: RegistryName,
        /// The port.
        port: u16,
        /// Who has it.
        other: String,
    },
    /// No subnet is free.
    #[error("every subnet from 10.89.0.0/24 to 10.89.255.0/24 is in use")]
    NoSubnet,
    /// Podman refused.
    #[error("registry `{name}`: {source}")]
    Podman {
        /// The name.
        name: RegistryName,
        /// Why.
        source: PodmanError,
    },
    /// It does not answer as a registry does.
    #[error("registry `{name}` does not answer after {} s: {seen}{}", .waited.as_secs(), tail(.output))]
    Silent {
        /// The name.
        name: RegistryName,
        /// How long was waited.
        waited: Duration,
        /// What was seen in place of an answer.
        seen: String,
        /// The last its container printed.
        output: String,
        /// Whether it was there before, so that its image is not to blame.
        known: bool,
    },
    /// Some of it could not be removed. All the rest was.
    #[error("registry `{name}` is not all gone:{}", indent_list(.faults))]
    Left {
        /// The name.
        name: RegistryName,
        /// What is left, and why.
        faults: Vec<String>,
    },
    /// Somebody asked to stop.
    #[error("creation of registry `{name}` was interrupted")]
    Cancelled {
        /// The name.
        name: RegistryName,
    },
}

impl RegistryError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { name, .. } => Some(format!(
                "leave out the flags to use it, delete it (`kipod delete registry {name}`), or give the new one another name"
            )),
            Self::Busy => Some("wait until it has finished".to_owned()),
            Self::Port { .. } => Some("leave out the port, and kipod takes a free one".to_owned()),
            Self::PortOfOther { other, .. } => Some(format!(
                "leave out the port, and kipod takes a free one, or delete the other (`kipod delete registry {other}`)"
            )),
            Self::NoSubnet => {
                Some("delete clusters, or networks with `podman network prune`".to_owned())
            }
            Self::Podman { source, .. } => source.hint(),
            Self::Silent { name, known: true, .. } => Some(format!(
                "`kipod delete registry {name}` removes it with all that was pushed to it, and then a new one can be created"
            )),
            Self::Silent { known: false, .. } => Some(
                "`--image` takes an image of a registry that listens on port 5000, such as `docker.io/library/registry:3`".to_owned(),
            ),
            Self::Left { name, .. } => {
                Some(format!("mend that, then run `kipod delete registry {name}` again"))
            }
            Self::Record(error) => error.hint().map(str::to_owned),
            Self::Lock(_) | Self::Cancelled { .. } => None,
        }
    }
}

fn tail(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!("\n  {}", output.replace('\n', "\n  ")) }
}
