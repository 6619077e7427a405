//! Removal of a registry, and the search for orphaned ones.

use std::collections::BTreeSet;

use super::{RegistryError, RegistryName, label, labels};
use crate::podman::{LabeledResources, Podman, PodmanError, VolumeOptions};
use crate::util::text::error_chain;

/// Removes a registry with its images, or its remains, and returns whether there was anything to
/// remove.
pub(crate) async fn remove(
    podman: &dyn Podman,
    name: &RegistryName,
) -> Result<bool, RegistryError> {
    let label = format!("{}={name}", label::NAME);
    let failed = |source| RegistryError::Podman { name: name.clone(), source };
    let found = LabeledResources::find(podman, &label).await.map_err(failed)?;
    let mut errors = Vec::new();
    found.remove_containers(podman, &mut errors).await;
    // The network is created first and removed last: other remains exist only if it does.
    if found.has_network() {
        let volume = VolumeOptions { name: name.to_string(), labels: labels(&name.to_string()) };
        if let Err(error) = found.remove_files(podman, &volume).await {
            errors.push(format!("files of `{name}`: {}", error_chain(&error)));
        }
    }
    found.remove_networks(podman, &mut errors).await;
    if errors.is_empty() {
        Ok(found.first().is_some())
    } else {
        Err(RegistryError::Incomplete { name: name.clone(), errors })
    }
}

/// Lists the registries without a container: their creation or deletion was interrupted.
pub(crate) async fn orphaned(podman: &dyn Podman) -> Result<Vec<RegistryName>, PodmanError> {
    let (containers, volumes, networks) = tokio::join!(
        podman.containers(label::NAME),
        podman.volumes(label::NAME),
        podman.networks(label::NAME)
    );
    let with_container: Vec<String> =
        containers?.into_iter().filter_map(|mut one| one.labels.remove(label::NAME)).collect();
    let volumes = volumes?.into_iter().map(|volume| volume.labels);
    let networks = networks?.into_iter().map(|network| network.labels);
    let names: BTreeSet<String> =
        volumes.chain(networks).filter_map(|mut labels| labels.remove(label::NAME)).collect();
    let orphaned = names.into_iter().filter(|name| !with_container.contains(name));
    Ok(orphaned.filter_map(|name| name.parse().ok()).collect())
}
