//! What Podman leaves where it is killed at work itself, as by a power cut: files that none of its lists
//! shows.

use super::service::Service;
use super::{Podman, PodmanCli, PodmanError, VolumeOptions};

/// What Podman shows as the command of a container of which it has only files; Buildah's containers, which
/// are none of its own either, have another one.
const STORAGE: &str = "storage";

/// Removes the files of a container and of its volume, which have the same name, where Podman does not
/// know the one or the other. Those of a container also keep its name in use. Who else has something of
/// that name keeps it.
pub(crate) async fn sweep(podman: &dyn Podman, volume: &VolumeOptions) -> Result<(), PodmanError> {
    podman.remove_container_files(&volume.name).await?;
    // A volume takes in the folder that it finds, and goes with it. There is no other way to name it.
    match podman.create_volume(volume).await {
        Ok(()) => podman.remove_volume(&volume.name).await.map(drop),
        Err(PodmanError::NameInUse { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// [`Podman::remove_container_files`] by the program: the crate cannot ask the service for them, and by a
/// name that no container has the service also removes Buildah's, and whose id begins so.
pub(super) async fn remove_container_files(
    service: &Service,
    name: &str,
) -> Result<bool, PodmanError> {
    // A service that was named may have another storage than ours.
    if service.named_url().is_some() {
        return Ok(false);
    }
    let podman = PodmanCli::new();
    match podman.all_containers().await?.iter().find_map(|container| files_of(name, container)) {
        Some(id) => podman.remove_container(&id).await.map(|()| true),
        None => Ok(false),
    }
}

/// The id of a container, if it is one of that name of which there are only files.
fn files_of(name: &str, container: &serde_json::Value) -> Option<String> {
    let has_name = container["Names"].as_array()?.iter().any(|one| one == name);
    let is_storage = container["Command"] == serde_json::json!([STORAGE]);
    let id = container["Id"].as_str().filter(|_| has_name && is_storage)?;
    Some(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::files_of;
    use serde_json::json;

    #[test]
    fn only_files_of_just_that_name_are_taken() {
        let container = |name: &str, command: serde_json::Value| {
            let listed = json!({ "Id": "1f", "Names": [name], "Command": command });
            files_of("a", &listed)
        };
        assert_eq!(container("a", json!(["storage"])).as_deref(), Some("1f"));
        assert_eq!(container("ab", json!(["storage"])), None);
        assert_eq!(container("a", json!(["buildah"])), None);
        assert_eq!(container("a", json!(["/sbin/init"])), None);
        assert_eq!(container("a", json!(null)), None);
    }
}
