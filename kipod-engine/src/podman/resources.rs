//! The containers, volumes and networks with one label, and their removal.

use super::api::{Podman, PodmanError, VolumeOptions};
use crate::util::text::error_chain;

/// The names of the containers, volumes and networks with one label.
#[derive(Debug, Default)]
pub(crate) struct LabeledResources {
    containers: Vec<String>,
    volumes: Vec<String>,
    networks: Vec<String>,
}

impl LabeledResources {
    /// Looks up the resources with `label`, such as `io.kipod.cluster=demo`.
    pub(crate) async fn find(podman: &dyn Podman, label: &str) -> Result<Self, PodmanError> {
        let (containers, volumes, networks) =
            tokio::join!(podman.containers(label), podman.volumes(label), podman.networks(label));
        Ok(Self {
            containers: containers?.into_iter().map(|container| container.name).collect(),
            volumes: volumes?.into_iter().map(|volume| volume.name).collect(),
            networks: networks?.into_iter().map(|network| network.name).collect(),
        })
    }

    /// Returns a description of each resource: ``container `NAME` ``.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> {
        let kinds = [
            ("container", &self.containers),
            ("volume", &self.volumes),
            ("network", &self.networks),
        ];
        let named = |kind| move |name: &String| format!("{kind} `{name}`");
        kinds.into_iter().flat_map(move |(kind, names)| names.iter().map(named(kind)))
    }

    /// Returns the description of one of the resources.
    pub(crate) fn first(&self) -> Option<String> {
        self.all().next()
    }

    /// Returns whether there is a network.
    pub(crate) fn has_network(&self) -> bool {
        !self.networks.is_empty()
    }

    /// Removes the containers, in parallel, and then their volumes. Appends failures to `errors`.
    pub(crate) async fn remove_containers(&self, podman: &dyn Podman, errors: &mut Vec<String>) {
        let removals = self.containers.iter().map(|name| podman.remove_container(name));
        let removed = futures_util::future::join_all(removals).await;
        for (name, removed) in self.containers.iter().zip(removed) {
            note("container", name, removed, errors);
        }
        for name in &self.volumes {
            note("volume", name, podman.remove_volume(name).await, errors);
        }
    }

    /// Removes the networks. Their containers must be removed before.
    pub(crate) async fn remove_networks(&self, podman: &dyn Podman, errors: &mut Vec<String>) {
        for name in &self.networks {
            note("network", name, podman.remove_network(name).await, errors);
        }
    }

    /// Removes one container and the volume with the same name, and files of either that Podman does
    /// not list.
    pub(crate) async fn remove_one(
        &self,
        podman: &dyn Podman,
        volume: &VolumeOptions,
    ) -> Result<(), PodmanError> {
        if self.containers.contains(&volume.name) {
            podman.remove_container(&volume.name).await?;
        }
        if self.volumes.contains(&volume.name) {
            podman.remove_volume(&volume.name).await?;
        }
        self.remove_files(podman, volume).await
    }

    /// Removes the files of a container and of the volume with the same name, unless both were listed:
    /// Podman has unlisted files only of objects that it does not list.
    pub(crate) async fn remove_files(
        &self,
        podman: &dyn Podman,
        volume: &VolumeOptions,
    ) -> Result<(), PodmanError> {
        match [&self.containers, &self.volumes].iter().all(|names| names.contains(&volume.name)) {
            true => Ok(()),
            false => remove_unlisted(podman, volume).await,
        }
    }
}

/// Removes the files of a container and of the volume with the same name that Podman leaves behind
/// when it is killed, as by a power cut, and that its lists do not contain. Files of a container also
/// keep its name in use. Other objects of that name stay.
async fn remove_unlisted(podman: &dyn Podman, volume: &VolumeOptions) -> Result<(), PodmanError> {
    podman.remove_container_files(&volume.name).await?;
    // A new volume adopts an existing directory, and is removed with it. Podman has no other way to
    // address that directory.
    match podman.create_volume(volume).await {
        Ok(()) => podman.remove_volume(&volume.name).await.map(drop),
        Err(PodmanError::NameInUse { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn note(kind: &str, name: &str, removed: Result<bool, PodmanError>, errors: &mut Vec<String>) {
    if let Err(error) = removed {
        errors.push(format!("{kind} `{name}`: {}", error_chain(&error)));
    }
}
