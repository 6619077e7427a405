//! Local registries: containers of the user, independent of clusters, from which the nodes of all
//! clusters pull images.
//!
//! A registry has its own network and a static address in it. Podman's networks of one user are subnets
//! in one network namespace, which routes between them. So nodes reach the registry from any network,
//! the network of a cluster has no additional container, and the deletion of a cluster does not involve
//! registries. The only record of a registry are the labels of its container.

mod create;
mod error;
mod lock;
mod name;
mod probe;
mod remove;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Serialize;

use crate::podman::{ContainerInfo, ContainerState, Labels, Podman, PodmanError};
use crate::spec::LocalRegistry;

pub(crate) use create::{RegistryOptions, create};
pub use error::RegistryError;
pub(crate) use lock::RegistriesLock;
pub use name::RegistryName;
pub(crate) use probe::wait_until_ready;
pub(crate) use remove::{orphaned, remove};

/// The default image of a registry.
pub const DEFAULT_IMAGE: &str = "docker.io/library/registry:3";

/// Labels of a registry's resources.
mod label {
    /// The registry's name.
    pub(super) const NAME: &str = "io.kipod.registry";
    /// The port of the host; on the container.
    pub(super) const PORT: &str = "io.kipod.registry.port";
    /// The registry's address; on the container.
    pub(super) const ADDRESS: &str = "io.kipod.registry.address";
    /// The requested image; on the container.
    pub(super) const IMAGE: &str = "io.kipod.registry.image";
}

/// The summary of a registry.
///
/// ```no_run
/// # async fn example(engine: kipod_engine::Engine) -> Result<(), kipod_engine::Error> {
/// for registry in engine.registries().await? {
///     println!("{} at {}: {}", registry.name, registry.host, registry.state);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RegistrySummary {
    /// The name.
    pub name: RegistryName,
    /// The port on the host's loopback address.
    pub port: u16,
    /// The address for nodes.
    pub address: Ipv4Addr,
    /// The registry part of image references, on the host and in pods: `localhost:PORT`.
    pub host: String,
    /// The image of its container.
    pub image: String,
    /// The state of its container.
    pub state: ContainerState,
}

/// Lists the registries of this user, sorted by name.
///
/// # Errors
///
/// When Podman does not respond.
pub async fn registries(podman: &dyn Podman) -> Result<Vec<RegistrySummary>, PodmanError> {
    let containers = podman.containers(label::NAME).await?;
    let mut all: Vec<_> = containers.into_iter().filter_map(summary).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

/// Lists the registries of this user as nodes are configured with them.
///
/// # Errors
///
/// When Podman does not respond.
pub(crate) async fn local_registries(
    podman: &dyn Podman,
) -> Result<Vec<LocalRegistry>, PodmanError> {
    Ok(registries(podman).await?.iter().map(local_registry).collect())
}

fn local_registry(summary: &RegistrySummary) -> LocalRegistry {
    let RegistrySummary { name, port, address, .. } = summary;
    LocalRegistry { name: name.to_string(), port: *port, address: *address }
}

fn summary(container: ContainerInfo) -> Option<RegistrySummary> {
    let label = |key: &str| container.labels.get(key);
    let port = label(label::PORT)?.parse().ok()?;
    Some(RegistrySummary {
        name: label(label::NAME)?.parse().ok()?,
        port,
        address: label(label::ADDRESS)?.parse().ok()?,
        host: LocalRegistry::host_of(port),
        image: label(label::IMAGE).cloned().unwrap_or_default(),
        state: container.state,
    })
}

/// Returns the labels of a registry's resources.
fn labels(name: &str) -> Labels {
    BTreeMap::from([(label::NAME.to_owned(), name.to_owned())])
}

/// Returns the name of a registry's network. Networks of clusters start with `kipod-`.
fn network_name(name: &str) -> String {
    format!("registry-{name}")
}
