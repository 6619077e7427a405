//! What Podman leaves where it is killed at work itself, as by a power cut: files that none of its lists
//! shows.

use super::{Podman, PodmanError, VolumeOptions};

/// Removes the files of a container and of its volume, which have the same name, where Podman does not
/// know the one or the other. Those of a container also keep its name in use. Who else has something of
/// that name keeps it.
pub(crate) async fn sweep(podman: &dyn Podman, volume: &VolumeOptions) -> Result<(), PodmanError> {
    let name = &volume.name;
    // Where no container has such a name, Podman takes it for the beginning of another one's id.
    let may_be_an_id = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let known = podman.containers("").await?;
    if !may_be_an_id && known.iter().all(|container| container.name != *name) {
        // By its name Podman also removes what only its storage knows.
        podman.remove_container(name).await?;
    }
    // A volume takes in the folder that it finds, and goes with it. There is no other way to name it.
    match podman.create_volume(volume).await {
        Ok(()) => podman.remove_volume(name).await.map(drop),
        Err(PodmanError::NameInUse { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
