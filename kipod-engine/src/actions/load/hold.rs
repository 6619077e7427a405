//! Holds on images of the user's store that a cluster uses without a copy.
//!
//! Podman knows nothing of the pods of nodes, and would remove the files of their images. It keeps an image
//! that has a container and another name. Holds are updated when images are loaded; between these commands
//! no process of kipod runs on the host.

use std::collections::{BTreeMap, BTreeSet};

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

/// The nodes whose containers are known.
pub(in crate::actions) struct Nodes<'a> {
    /// The running nodes to query.
    pub(in crate::actions) running: &'a [String],
    /// `true` if the cluster has no other nodes, whose containers could use any image.
    pub(in crate::actions) are_all: bool,
}

/// Holds the `named` images and all images of the user's store that containers on the nodes use. If the
/// containers of all nodes are known, releases images that none uses and whose name another image has. A
/// failure is a warning: the cluster works while the images exist.
pub(in crate::actions) async fn update(
    context: Context<'_>,
    cluster: &ClusterName,
    named: &[Wanted],
    nodes: Nodes<'_>,
) {
    if let Err(error) = try_update(context, cluster, named, nodes).await {
        context.events.send(Event::Warning(format!(
            "not all images of cluster `{cluster}` are held in your image store, so do not prune it: {}",
            error_chain(&error)
        )));
    }
}

async fn try_update(
    context: Context<'_>,
    cluster: &ClusterName,
    named: &[Wanted],
    nodes: Nodes<'_>,
) -> Result<(), PodmanError> {
    let Context { podman, events, .. } = context;
    let held = held_images(podman, cluster).await?;
    let hold = async |image: &Wanted| {
        if !held.contains_key(&image.id) {
            podman.hold_image(&image_hold(cluster, &image.name, &image.id)).await?;
            events.send(Event::Detail(format!("`{}` is held in your image store", image.name)));
        }
        Ok::<(), PodmanError>(())
    };
    for image in named {
        hold(image).await?;
    }
    let mut used = used_images(podman, nodes.running).await?;
    used.retain(|image| named.iter().all(|other| other.id != image.id));
    for image in &used {
        hold(image).await?;
    }
    let is_wanted = |id: &String| named.iter().chain(&used).any(|image| image.id == *id);
    for (id, name) in held.iter().filter(|(id, _)| nodes.are_all && !is_wanted(id)) {
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

/// Returns the images of the user's store that containers on nodes use, each once.
async fn used_images(podman: &dyn Podman, nodes: &[String]) -> Result<Vec<Wanted>, PodmanError> {
    let lists = join_all(nodes.iter().map(|node| image_ids(podman, node))).await;
    let mut ids = BTreeSet::new();
    for list in lists {
        ids.extend(list?);
    }
    let mut used = Vec::new();
    for id in ids {
        if let Some(image) = podman.image(&id).await? {
            // Not the name that a hold gave it.
            let name = image.names.into_iter().find(|name| holding_cluster(name).is_none());
            used.push(Wanted { name: name.unwrap_or_else(|| id.clone()), id });
        }
    }
    Ok(used)
}

/// Returns the ids of the images that containers on a node use.
async fn image_ids(podman: &dyn Podman, node: &str) -> Result<Vec<String>, PodmanError> {
    let output = podman.exec(node, &["crictl", "ps", "--all", "--output", "json"]).await?;
    let list: Containers = serde_json::from_slice(&output.stdout).map_err(|error| {
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        PodmanError::Operation {
            action: format!("list the containers on node `{node}`"),
            message: if stderr.is_empty() { error.to_string() } else { stderr },
        }
    })?;
    let ids = list.containers.into_iter().map(|container| container.image_id);
    Ok(ids.filter(|id| !id.is_empty()).collect())
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
