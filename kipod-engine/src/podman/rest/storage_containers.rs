//! Storage containers: files of containers that Podman's own lists do not contain, as it leaves behind
//! when it is killed.

use super::client::Client;
use crate::podman::api::PodmanError;
use crate::podman::cli::{ListedContainer, PodmanCli};

/// The command that Podman reports for a storage container. It reports another one for containers of
/// Buildah, which are not its own either.
const STORAGE: &str = "storage";

/// Removes the storage container with this name by the `podman` program: the API crate cannot request
/// it, and for a name that no container has, the service would also remove containers of Buildah and
/// containers whose id starts with the name.
pub(super) async fn remove(client: &Client, name: &str) -> Result<bool, PodmanError> {
    // A remote service may have another storage.
    if client.remote_url().is_some() {
        return Ok(false);
    }
    let podman = PodmanCli::new();
    let containers = podman.all_containers().await?;
    match containers.iter().find(|container| is_storage(container, name)) {
        Some(container) => podman.remove_container(&container.id).await.map(|()| true),
        None => Ok(false),
    }
}

/// Returns whether a container is the storage container with this name.
fn is_storage(container: &ListedContainer, name: &str) -> bool {
    let has_name = container.names.iter().flatten().any(|one| one == name);
    has_name && container.command.as_deref().is_some_and(|command| command == [STORAGE])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_storage;

    #[test]
    fn only_storage_containers_with_the_name_match() {
        let matches = |name: &str, command: serde_json::Value| {
            let listed = json!({ "Id": "1f", "Names": [name], "Command": command });
            is_storage(&serde_json::from_value(listed).unwrap(), "a")
        };
        assert!(matches("a", json!(["storage"])));
        assert!(!matches("ab", json!(["storage"])));
        assert!(!matches("a", json!(["buildah"])));
        assert!(!matches("a", json!(["/sbin/init"])));
        assert!(!matches("a", json!(null)));
    }
}
