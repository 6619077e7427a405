//! Images of the user's store.

use podman_api::models::LibpodImageSummary;
use podman_api::opts::{ImageListFilter, ImageListOpts};

use super::service::Service;
use super::{ImageInfo, Platform, PodmanError};

/// The image that `reference` names.
pub(super) async fn find(
    service: &Service,
    reference: &str,
) -> Result<Option<ImageInfo>, PodmanError> {
    let inspect =
        |podman: podman_api::Podman| async move { podman.images().get(reference).inspect().await };
    match service.ask(inspect).await {
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
        Err(failure) => Err(service.error(failure, format!("look for image `{reference}`"))),
    }
}

/// Every image with that label, named or not.
pub(super) async fn list(service: &Service, label: &str) -> Result<Vec<ImageInfo>, PodmanError> {
    let wanted = ImageListOpts::builder().filter([ImageListFilter::LabelKey(label.into())]).build();
    let wanted = &wanted;
    let found = service
        .ask(|podman| async move { podman.images().list(wanted).await })
        .await
        .map_err(|failure| service.error(failure, "list images"))?;
    let info = |image: LibpodImageSummary| ImageInfo {
        id: image.id.unwrap_or_default(),
        names: image.names.unwrap_or_default(),
        labels: image.labels.unwrap_or_default().into_iter().collect(),
        platform: None,
    };
    Ok(found.into_iter().map(info).collect())
}
