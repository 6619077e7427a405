//! What Podman has of one node, also what it does not know of: when Podman itself is killed at work, as
//! by a power cut, files stay that none of its lists shows.

use crate::plan::{label, labels};
use crate::podman::{Podman, PodmanError, VolumeOptions};
use crate::spec::ClusterName;

/// Removes a node's container and its volume. Who else has something of that name keeps it.
pub(crate) async fn remove_from_podman(
    podman: &dyn Podman,
    cluster: &ClusterName,
    node: &str,
) -> Result<(), PodmanError> {
    let label = format!("{}={cluster}", label::CLUSTER);
    let (containers, volumes) = tokio::join!(podman.containers(&label), podman.volumes(&label));
    if containers?.iter().any(|container| container.name == node) {
        podman.remove_container(node).await?;
    }
    if volumes?.iter().any(|volume| volume.name == node) {
        podman.remove_volume(node).await?;
    }
    sweep(podman, cluster, node).await
}

/// Removes the files of a node of which Podman knows neither container nor volume. Those of a container
/// also keep its name in use.
pub(crate) async fn sweep(
    podman: &dyn Podman,
    cluster: &ClusterName,
    node: &str,
) -> Result<(), PodmanError> {
    let known = podman.containers("").await?;
    if known.iter().all(|container| container.name != node) {
        // By its name Podman also removes what only its storage knows.
        podman.remove_container(node).await?;
    }
    // A volume takes in the folder that it finds, and goes with it. There is no other way to name it.
    let volume = VolumeOptions { name: node.to_owned(), labels: labels(cluster) };
    match podman.create_volume(&volume).await {
        Ok(()) => podman.remove_volume(node).await.map(drop),
        Err(PodmanError::NameInUse { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
