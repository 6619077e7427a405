//! Volumes.

use podman_api::models::Volume;
use podman_api::opts::{VolumeCreateOpts, VolumeListFilter, VolumeListOpts};

use super::client::Client;
use crate::podman::api::{PodmanError, VolumeInfo, VolumeOptions};

/// Creates a volume.
pub(super) async fn create(client: &Client, options: &VolumeOptions) -> Result<(), PodmanError> {
    let name = &options.name;
    let wanted = VolumeCreateOpts::builder().name(name).labels(&options.labels).build();
    let wanted = &wanted;
    let create = |podman: podman_api::Podman| async move { podman.volumes().create(wanted).await };
    match client.call(create).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.contains("volume already exists") => {
            Err(PodmanError::NameInUse { kind: "volume", name: name.clone() })
        }
        Err(failure) => Err(client.error(failure, format!("create volume `{name}`"))),
    }
}

/// Lists the volumes with a label.
pub(super) async fn list(client: &Client, label: &str) -> Result<Vec<VolumeInfo>, PodmanError> {
    let filter = match label.split_once('=') {
        _ if label.is_empty() => None,
        Some((key, value)) => Some(VolumeListFilter::LabelKeyVal(key.into(), value.into())),
        None => Some(VolumeListFilter::LabelKey(label.into())),
    };
    let wanted = VolumeListOpts::builder().filter(filter).build();
    let wanted = &wanted;
    let found = client
        .query(|podman| async move { podman.volumes().list(wanted).await })
        .await
        .map_err(|failure| client.error(failure, "list volumes"))?;
    let info = |volume: Volume| VolumeInfo {
        name: volume.name,
        labels: volume.labels.into_iter().collect(),
    };
    Ok(found.into_iter().map(info).collect())
}

/// Removes a volume. Without force, which would also remove the containers that use it.
pub(super) async fn remove(client: &Client, name: &str) -> Result<bool, PodmanError> {
    let remove =
        |podman: podman_api::Podman| async move { podman.volumes().get(name).delete().await };
    match client.call(remove).await {
        Ok(()) => Ok(true),
        Err(failure) if failure.is_missing() => Ok(false),
        Err(failure) => Err(client.error(failure, format!("remove volume `{name}`"))),
    }
}
