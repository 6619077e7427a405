//! Removing a registry, and what is left of one.

use std::collections::BTreeSet;

use super::{RegistryError, RegistryName, label, labels};
use crate::podman::{LabeledResources, Podman, PodmanError, VolumeOptions};

/// Removes all there is of a registry, what was pushed to it too, and answers whether there was
/// anything.
pub(crate) async fn remove(
    podman: &dyn Podman,
    name: &RegistryName,
) -> Result<bool, RegistryError> {
    let label = format!("{}={name}", label::NAME);
    let failed = |source| RegistryError::Podman { name: name.clone(), source };
    let found = LabeledResources::find(podman, &label).await.map_err(failed)?;
    let mut faults = Vec::new();
    found.remove_containers(podman, &mut faults).await;
    // The network is made first and goes last: it tells of what else there may be.
    if found.has_network() {
        let volume = VolumeOptions { name: name.to_string(), labels: labels(&name.to_string()) };
        if let Err(error) = found.remove_files(podman, &volume).await {
            faults.push(format!("files of `{name}`: {error}"));
        }
    }
    found.remove_networks(podman, &mut faults).await;
    if faults.is_empty() {
        Ok(found.first().is_some())
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
