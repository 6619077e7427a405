//! Registries of this machine: a container each, which belongs to its user and to no cluster, and
//! which every cluster's nodes pull from.
//!
//! A registry has a network of its own and a fixed address on it. Podman's networks of one user are
//! subnets of one network namespace, which passes packets on between them: so nodes reach the address
//! from whatever network they are on, no cluster's network has a container more on it, and a cluster
//! is deleted as if there were no registry. Podman's labels are all the record that there is.

mod create;
mod error;
mod lock;
mod name;
mod remove;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::podman::{ContainerInfo, ContainerState, Labels, Podman, PodmanError};
use crate::spec::LocalRegistry;

pub(crate) use create::{RegistryOptions, create, until_it_answers};
pub use error::RegistryError;
pub(crate) use lock::RegistriesLock;
pub use name::{RegistryName, RegistryNameError};
pub(crate) use remove::{leftovers, remove};

/// The image that a registry is made of, unless told.
pub const DEFAULT_IMAGE: &str = "docker.io/library/registry:3";

/// Labels of all that a registry is made of.
mod label {
    /// The registry's name.
    pub(super) const NAME: &str = "io.kipod.registry";
    /// The host's port, on its container.
    pub(super) const PORT: &str = "io.kipod.registry.port";
    /// Its address, on its container.
    pub(super) const ADDRESS: &str = "io.kipod.registry.address";
    /// The image that was asked for, on its container.
    pub(super) const IMAGE: &str = "io.kipod.registry.image";
}

/// A registry, as a line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrySummary {
    /// What it is.
    #[serde(flatten)]
    pub registry: LocalRegistry,
    /// What the names of its images begin with, on the host and in pods: `localhost:PORT`.
    pub host: String,
    /// The image that it is made of.
    pub image: String,
    /// The state of its container.
    pub state: ContainerState,
}

/// The registries of this user, by name.
///
/// # Errors
///
/// When Podman does not answer.
pub async fn registries(podman: &dyn Podman) -> Result<Vec<RegistrySummary>, PodmanError> {
    let containers = podman.containers(label::NAME).await?;
    let mut all: Vec<_> = containers.into_iter().filter_map(summary).collect();
    all.sort_by(|one, other| one.registry.name.cmp(&other.registry.name));
    Ok(all)
}

/// What nodes have to know of [`registries`].
///
/// # Errors
///
/// When Podman does not answer.
pub(crate) async fn local(podman: &dyn Podman) -> Result<Vec<LocalRegistry>, PodmanError> {
    Ok(registries(podman).await?.into_iter().map(|summary| summary.registry).collect())
}

fn summary(container: ContainerInfo) -> Option<RegistrySummary> {
    let label = |key: &str| container.labels.get(key);
    let registry = LocalRegistry {
        name: label(label::NAME)?.clone(),
        port: label(label::PORT)?.parse().ok()?,
        address: label(label::ADDRESS)?.parse().ok()?,
    };
    Some(RegistrySummary {
        host: registry.host(),
        registry,
        image: label(label::IMAGE).cloned().unwrap_or_default(),
        state: container.state,
    })
}

/// The labels of everything that belongs to a registry.
fn labels(name: &str) -> Labels {
    BTreeMap::from([(label::NAME.to_owned(), name.to_owned())])
}

/// The name of a registry's network. Those of clusters begin with `kipod-`.
fn network_name(name: &str) -> String {
    format!("registry-{name}")
}
