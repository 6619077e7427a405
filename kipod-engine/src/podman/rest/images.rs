//! Images of the user's image store.

use podman_api::models::LibpodImageSummary;
use podman_api::opts::{ImageListFilter, ImageListOpts, ImageTagOpts};

use serde_json::{Value, json};

use super::client::Client;
use super::specification::fixed;
use crate::podman::api::{ImageHold, ImageInfo, Platform, PodmanError};

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
    let filter = (!label.is_empty()).then(|| ImageListFilter::LabelKey(label.into()));
    let wanted = ImageListOpts::builder().filter(filter).build();
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

/// Gives an image another name, and creates a container of it.
pub(super) async fn hold(client: &Client, hold: &ImageHold) -> Result<(), PodmanError> {
    let image = &hold.image;
    let name = ImageTagOpts::builder().repo(&hold.repository).tag(&hold.tag).build();
    let name = &name;
    client
        .call(|podman| async move { podman.images().get(image).tag(name).await })
        .await
        .map_err(|failure| client.error(failure, format!("tag image `{image}`")))?;
    match client.post("/containers/create", &never_started(hold)).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.contains("name is already in use") => Ok(()),
        Err(failure) => {
            Err(client.error(failure, format!("create container `{}`", hold.container)))
        }
    }
}

/// Returns the specification of the container of a hold.
fn never_started(hold: &ImageHold) -> Value {
    let mut specification = fixed(false);
    for (key, value) in [
        ("name", json!(hold.container)),
        ("image", json!(hold.image)),
        // An image may have no command. This one is never run.
        ("command", json!(["never-started"])),
        ("labels", json!(hold.labels)),
        ("netns", json!({ "nsmode": "none" })),
    ] {
        specification.insert(key.to_owned(), value);
    }
    Value::Object(specification)
}

/// Removes a name of an image.
pub(super) async fn untag(client: &Client, name: &str) -> Result<bool, PodmanError> {
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    let removed = ImageTagOpts::builder().repo(repository).tag(tag).build();
    let removed = &removed;
    match client.call(|podman| async move { podman.images().get(name).untag(removed).await }).await
    {
        Ok(()) => Ok(true),
        Err(failure) if failure.is_missing() => Ok(false),
        Err(failure) => Err(client.error(failure, format!("untag image `{name}`"))),
    }
}
