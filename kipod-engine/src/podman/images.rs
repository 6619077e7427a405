//! Images of the user's store.

use super::service::Service;
use super::{ImageInfo, PodmanError};

/// The image that `reference` names.
pub(super) async fn find(
    service: &Service,
    reference: &str,
) -> Result<Option<ImageInfo>, PodmanError> {
    let inspect =
        |podman: podman_api::Podman| async move { podman.images().get(reference).inspect().await };
    match service.call(inspect).await {
        Ok(image) => Ok(Some(ImageInfo {
            id: image.id.unwrap_or_default(),
            labels: image.labels.unwrap_or_default().into_iter().collect(),
        })),
        Err(failure) if failure.is_missing() => Ok(None),
        Err(failure) => Err(service.error(failure, format!("look for image `{reference}`"))),
    }
}
