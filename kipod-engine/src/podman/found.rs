//! What Podman has under one label, and how it goes.

use super::{Podman, PodmanError, VolumeOptions, sweep};

/// The names of all that Podman has under one label.
#[derive(Debug, Default)]
pub(crate) struct Found {
    containers: Vec<String>,
    volumes: Vec<String>,
    networks: Vec<String>,
}

impl Found {
    /// Looks up what has `label`, such as `io.kipod.cluster=demo`.
    pub(crate) async fn under(podman: &dyn Podman, label: &str) -> Result<Self, PodmanError> {
        let (containers, volumes, networks) =
            tokio::join!(podman.containers(label), podman.volumes(label), podman.networks(label));
        Ok(Self {
            containers: containers?.into_iter().map(|found| found.name).collect(),
            volumes: volumes?.into_iter().map(|found| found.name).collect(),
            networks: networks?.into_iter().map(|found| found.name).collect(),
        })
    }

    /// All of the things, in words.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> {
        let kinds = [
            ("container", &self.containers),
            ("volume", &self.volumes),
            ("network", &self.networks),
        ];
        let named = |kind| move |name: &String| format!("{kind} `{name}`");
        kinds.into_iter().flat_map(move |(kind, names)| names.iter().map(named(kind)))
    }

    /// One of the things, in words.
    pub(crate) fn first(&self) -> Option<String> {
        self.all().next()
    }

    /// Whether there is a network.
    pub(crate) fn has_network(&self) -> bool {
        !self.networks.is_empty()
    }

    /// Removes the containers, all at once, and then their volumes. What stays is added to `faults`.
    pub(crate) async fn remove_containers(&self, podman: &dyn Podman, faults: &mut Vec<String>) {
        let removals = self.containers.iter().map(|name| podman.remove_container(name));
        let removed = futures_util::future::join_all(removals).await;
        for (name, removed) in self.containers.iter().zip(removed) {
            note("container", name, removed, faults);
        }
        for name in &self.volumes {
            note("volume", name, podman.remove_volume(name).await, faults);
        }
    }

    /// Removes the networks, which no container may be on any more.
    pub(crate) async fn remove_networks(&self, podman: &dyn Podman, faults: &mut Vec<String>) {
        for name in &self.networks {
            note("network", name, podman.remove_network(name).await, faults);
        }
    }

    /// Removes one container and the volume of its name, and what there may be of them otherwise.
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
        self.sweep(podman, volume).await
    }

    /// [Sweeps](sweep) after a container and the volume of its name, if not both were found: Podman has
    /// files only of what it does not know.
    pub(crate) async fn sweep(
        &self,
        podman: &dyn Podman,
        volume: &VolumeOptions,
    ) -> Result<(), PodmanError> {
        match [&self.containers, &self.volumes].iter().all(|names| names.contains(&volume.name)) {
            true => Ok(()),
            false => sweep(podman, volume).await,
        }
    }
}

fn note(kind: &str, name: &str, removed: Result<bool, PodmanError>, faults: &mut Vec<String>) {
    if let Err(error) = removed {
        faults.push(format!("{kind} `{name}`: {error}"));
    }
}
