//! Images of the user that have the name of an image in the store of a node image.

use futures_util::future::join_all;

use super::Request;
use crate::node_image::{NodeImage, names_and_ids};
use crate::plan::host_store;
use crate::podman::Podman;

/// Returns the names of images in the user's store that pods cannot use: nodes search the images of the
/// control plane and the add-ons first. Images to preload are not among them.
async fn hidden(podman: &dyn Podman, request: &Request, node_image: &NodeImage) -> Vec<String> {
    let (spec, machine) = (&request.spec, &request.machine);
    if host_store(spec, machine).is_none() {
        return Vec::new();
    }
    let own = names_and_ids(&node_image.image_store, machine.storage_driver);
    let own = own
        .into_iter()
        .filter(|(name, _)| spec.preload.iter().all(|preloaded| preloaded.to_string() != *name));
    let compare = |(name, id): (String, String)| async move {
        // A failure of Podman appears in the steps that follow.
        let found = podman.image(&name).await.ok().flatten();
        found.filter(|image| image.id != id).map(|_| name)
    };
    join_all(own.map(compare)).await.into_iter().flatten().collect()
}

/// Returns a warning if pods get another image than the user's for some names.
pub(super) async fn warning(
    podman: &dyn Podman,
    request: &Request,
    node_image: &NodeImage,
) -> Option<String> {
    let hidden = hidden(podman, request, node_image).await;
    let list: Vec<String> = hidden.iter().map(|name| format!("`{name}`")).collect();
    (!list.is_empty()).then(|| {
        format!(
            "pods get the image of the node image instead of yours for {}: load yours with `kipod load image`, or give it another name",
            list.join(", ")
        )
    })
}
