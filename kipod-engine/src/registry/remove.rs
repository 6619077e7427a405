//! Removing a registry, and what is left of one.

use std::collections::BTreeSet;

use super::{RegistryError, RegistryName, label, labels};
use crate::podman::{Podman, PodmanError, VolumeOptions, sweep};

/// Removes all there is of a registry, what was pushed to it too, and answers whether there was
/// anything.
pub(crate) async fn remove(
    podman: &dyn Podman,
    name: &RegistryName,
) -> Result<bool, RegistryError> {
    let label = format!("{}={name}", label::NAME);
    let failed = |source| RegistryError::Podman { name: name.clone(), source };
    let (containers, volumes, networks) =
        tokio::join!(podman.containers(&label), podman.volumes(&label), podman.networks(&label));
    let (containers, volumes, networks) =
        (containers.map_err(failed)?, volumes.map_err(failed)?, networks.map_err(failed)?);
    // The network is made first and goes last: it tells of what else there may be.
    let half = !networks.is_empty() && (containers.is_empty() || volumes.is_empty());
    let any = !(containers.is_empty() && volumes.is_empty() && networks.is_empty());
    let mut faults = Vec::new();
    let mut note = |kind, name: &str, removed: Result<bool, PodmanError>| {
        faults.extend(removed.err().map(|error| format!("{kind} `{name}`: {error}")));
    };
    for container in containers {
        note("container", &container.name, podman.remove_container(&container.name).await);
    }
    for volume in volumes {
        note("volume", &volume.name, podman.remove_volume(&volume.name).await);
    }
    if half {
        let volume = VolumeOptions { name: name.to_string(), labels: labels(&name.to_string()) };
        sweep(podman, &volume).await.map_err(failed)?;
    }
    for network in networks {
        note("network", &network.name, podman.remove_network(&network.name).await);
    }
    if faults.is_empty() {
        Ok(any)
    } else {
        Err(RegistryError::Left { name: name.clone(), faults })
    }
}

/// The registries that have no container: their creation or deletion was cut off.
pub(crate) async fn leftovers(podman: &dyn Podman) -> Result<Vec<RegistryName>, PodmanError> {
    let (containers, volumes, networks) = tokio::join!(
        podman.containers(label::NAME),
        podman.volumes(label::NAME),
        podman.networks(label::NAME)
    );
    let whole: Vec<String> =
        containers?.into_iter().filter_map(|mut one| one.labels.remove(label::NAME)).collect();
    let volumes = volumes?.into_iter().map(|volume| volume.labels);
    let networks = networks?.into_iter().map(|network| network.labels);
    let names: BTreeSet<String> =
        volumes.chain(networks).filter_map(|mut labels| labels.remove(label::NAME)).collect();
    let left = names.into_iter().filter(|name| !whole.contains(name));
    Ok(left.filter_map(|name| name.parse().ok()).collect())
}
