//! Images of the user's image store.

use podman_api::models::LibpodImageSummary;
use podman_api::opts::{ImageListFilter, ImageListOpts};

use super::client::Client;
use crate::podman::api::{ImageInfo, Platform, PodmanError};

/// Returns the image with this reference.
pub(super) async fn find(
    client: &Client,
    reference: &str,
) -> Result<Option<ImageInfo>, PodmanError> {
    let inspect =
        |podman: podman_api::Podman| async move { podman.images().get(reference).inspect().await };
    match client.query(inspect).await {
        Ok(image) => Ok(Some(ImageInfo {
            id: image.id.unwrap_or_default(),
            names: image.repo_tags.unwrap_or_default(),
            labels: image.labels.unwrap_or_default().into_iter().collect(),
            platform: image
                .os
                .zip(image.architecture)
                .map(|(os, architecture)| Platform { os, architecture }),
        })),
        Err(failure) if failure.is_missing() => Ok(None),
        Err(failure) => Err(client.error(failure, format!("inspect image `{reference}`"))),
    }
}

/// Lists the images with a label.
pub(super) async fn list(client: &Client, label: &str) -> Result<Vec<ImageInfo>, PodmanError> {
    let wanted = ImageListOpts::builder().filter([ImageListFilter::LabelKey(label.into())]).build();
    let wanted = &wanted;
    let found = client
        .query(|podman| async move { podman.images().list(wanted).await })
        .await
        .map_err(|failure| client.error(failure, "list images"))?;
    let info = |image: LibpodImageSummary| ImageInfo {
        id: image.id.unwrap_or_default(),
        names: image.names.unwrap_or_default(),
        labels: image.labels.unwrap_or_default().into_iter().collect(),
        platform: None,
    };
    Ok(found.into_iter().map(info).collect())
}
