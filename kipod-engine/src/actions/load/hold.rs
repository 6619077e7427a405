//! Holds on images of the user's store that a cluster uses without a copy.
//!
//! Podman knows nothing of the pods of nodes, and would remove the files of their images. It keeps an image
//! that has a container and another name. Holds are updated when images are loaded; between these commands
//! no process of kipod runs on the host.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::Deserialize;

use super::wanted::Wanted;
use crate::actions::context::Context;
use crate::events::Event;
use crate::plan::{holding_cluster, image_hold, label};
use crate::podman::{Labels, Podman, PodmanError};
use crate::spec::ClusterName;
use crate::util::text::error_chain;

/// The output of `crictl ps --output json`.
#[derive(Deserialize)]
struct Containers {
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    #[serde(default)]
    image_id: String,
}

/// Holds the `named` images and all images of the user's store that containers on `nodes` use. Releases
/// images that no container uses and whose name another image has. A failure is a warning: the cluster
/// works while the images exist.
pub(in crate::actions) async fn update(
    context: Context<'_>,
    cluster: &ClusterName,
    named: &[Wanted],
    nodes: &[String],
) {
    if let Err(error) = try_update(context, cluster, named, nodes).await {
        context.events.send(Event::Warning(format!(
            "images of cluster `{cluster}` are not held in your image store, so do not prune it: {}",
            error_chain(&error)
        )));
    }
}

async fn try_update(
    context: Context<'_>,
    cluster: &ClusterName,
    named: &[Wanted],
    nodes: &[String],
) -> Result<(), PodmanError> {
    let Context { podman, events, .. } = context;
    let used = used_images(podman, nodes).await?;
    let held = held_images(podman, cluster).await?;
    let mut wanted: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, name) in &used {
        wanted.insert(id, name);
    }
    wanted.extend(named.iter().map(|image| (image.id.as_str(), image.name.as_str())));
    for (id, name) in &wanted {
        if !held.contains_key(*id) {
            podman.hold_image(&image_hold(cluster, name, id)).await?;
            events.send(Event::Detail(format!("`{name}` is held in your image store")));
        }
    }
    for (id, name) in held.iter().filter(|(id, _)| !wanted.contains_key(id.as_str())) {
        let current = podman.image(name).await?;
        if current.is_none_or(|image| image.id != *id) {
            let hold = image_hold(cluster, name, id);
            podman.remove_container(&hold.container).await?;
            podman.remove_image_name(&hold.name()).await?;
            events.send(Event::Detail(format!("`{name}` ({}) is released", hold.tag)));
        }
    }
    Ok(())
}

/// Returns the ids of the images of the user's store that containers on nodes use, each with a name.
async fn used_images(
    podman: &dyn Podman,
    nodes: &[String],
) -> Result<BTreeMap<String, String>, PodmanError> {
    let command = ["crictl", "ps", "--all", "--output", "json"];
    let lists = join_all(nodes.iter().map(|node| podman.exec(node, &command))).await;
    let mut used = BTreeMap::new();
    for output in lists {
        // An older node that prints something else has no images to hold.
        let list: Containers = serde_json::from_slice(&output?.stdout)
            .unwrap_or(Containers { containers: Vec::new() });
        for id in list.containers.into_iter().map(|container| container.image_id) {
            if id.is_empty() || used.contains_key(&id) {
                continue;
            }
            if let Some(image) = podman.image(&id).await? {
                // Not the name that a hold gave it.
                let name = image.names.into_iter().find(|name| holding_cluster(name).is_none());
                let name = name.unwrap_or_else(|| id.clone());
                used.insert(id, name);
            }
        }
    }
    Ok(used)
}

/// Returns the ids of the images that the cluster holds, each with the name under which it was found.
async fn held_images(
    podman: &dyn Podman,
    cluster: &ClusterName,
) -> Result<BTreeMap<String, String>, PodmanError> {
    let containers = podman.containers(&format!("{}={cluster}", label::CLUSTER)).await?;
    let label = |labels: &Labels, key| labels.get(key).cloned().unwrap_or_default();
    Ok(containers
        .into_iter()
        .filter(|one| label(&one.labels, label::ROLE) == label::IMAGE_HOLD)
        .map(|one| (label(&one.labels, label::HELD_ID), label(&one.labels, label::HELD_NAME)))
        .collect())
}
