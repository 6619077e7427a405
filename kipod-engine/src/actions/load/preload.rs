//! Preloading images into a new cluster.

use super::wanted::{self, Wanted};
use super::{ImagesError, hold, put, refuse, store, visible};
use crate::actions::context::Context;
use crate::actions::create::Request;
use crate::events::{Event, Step, step};
use crate::node_image::{NodeImage, names_and_ids};
use crate::plan::host_store;
use crate::spec::ClusterName;
use crate::util::text::error_chain;

/// Images to preload, which exist in the user's store.
#[derive(Debug, Default)]
pub(in crate::actions) struct Preload {
    wanted: Vec<Wanted>,
    /// `true` if the nodes see the user's store.
    visible: bool,
    /// Names of images in the store of the node image, which nodes search before the user's.
    hidden: Vec<String>,
}

/// Finds the images to preload, and pulls missing ones into the user's store. Runs before anything of the
/// cluster is created.
pub(in crate::actions) async fn check(
    context: Context<'_>,
    request: &Request,
    node_image: &NodeImage,
) -> Result<Preload, ImagesError> {
    let (podman, spec) = (context.podman, &request.spec);
    if spec.preload.is_empty() {
        return Ok(Preload::default());
    }
    let mut errors = Vec::new();
    let (mut present, mut absent) = (Vec::new(), Vec::new());
    for image in spec.preload.iter().map(ToString::to_string) {
        let found = podman.image(&image).await;
        let found = found.map_err(|source| ImagesError::Inspect {
            image: image.clone(),
            source: Box::new(source),
        })?;
        if found.is_some() { present.push(image) } else { absent.push(image) }
    }
    if !absent.is_empty() {
        let pull = async {
            for image in absent {
                context.events.send(Event::Progress(Step::PullImages, image.clone()));
                match podman.pull_image(&image).await {
                    Ok(()) => present.push(image),
                    Err(error) => {
                        errors.push(format!("cannot pull `{image}`: {}", error_chain(&error)))
                    }
                }
            }
            if errors.is_empty() { Ok(()) } else { Err(()) }
        };
        // The errors are reported below, with all others.
        let _ = step(context.events, Step::PullImages, pull).await;
    }
    let platform = wanted::platform(podman, &node_image.id).await?;
    let wanted = wanted::in_store(podman, &present, platform.as_ref(), &mut errors).await?;
    refuse(errors)?;
    let own = names_and_ids(&node_image.image_store, request.machine.storage_driver);
    let hidden = own.into_iter().map(|(name, _)| name).collect();
    Ok(Preload { wanted, visible: host_store(spec, &request.machine).is_some(), hidden })
}

impl Preload {
    /// Returns whether an image is copied into the cluster's own store.
    fn is_copied(&self, image: &Wanted) -> bool {
        !self.visible || self.hidden.contains(&image.name)
    }

    /// Copies the images, while the nodes boot.
    pub(in crate::actions) async fn fill(
        &self,
        context: Context<'_>,
        request: &Request,
    ) -> Result<(), ImagesError> {
        let copied: Vec<_> = self.wanted.iter().filter(|image| self.is_copied(image)).collect();
        if copied.is_empty() {
            return Ok(());
        }
        let name = &request.spec.name;
        let store = store(context.dirs, name)?;
        let copy = async {
            for image in copied {
                context.events.send(Event::Progress(Step::LoadImages, image.name.clone()));
                put(context.podman, None, &store, image, &[]).await?;
            }
            Ok(())
        };
        step(context.events, Step::LoadImages, copy).await
    }

    /// Verifies that the nodes see the images, and holds those that were not copied.
    pub(in crate::actions) async fn verify(
        &self,
        context: Context<'_>,
        cluster: &ClusterName,
        nodes: &[String],
    ) -> Result<(), ImagesError> {
        let mut errors = Vec::new();
        for image in &self.wanted {
            errors.extend(visible::missing(context.podman, nodes, image).await?);
            context.events.send(Event::Detail(format!("`{}` is visible on all nodes", image.name)));
        }
        visible::verify(errors)?;
        let in_place = self.wanted.iter().filter(|image| !self.is_copied(image));
        let in_place: Vec<_> = in_place.cloned().collect();
        if !in_place.is_empty() {
            let nodes = hold::Nodes { running: nodes, are_all: true };
            hold::update(context, cluster, &in_place, nodes).await;
        }
        Ok(())
    }
}
