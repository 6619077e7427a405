//! Images that a new cluster has from the start.

use super::wanted::{self, Wanted};
use super::{ImagesError, put, refuse, seen, store};
use crate::actions::create::{Context, Request};
use crate::events::{Event, Step, step};
use crate::node_image::NodeImage;
use crate::plan::host_store;

/// Images that were found, and are to be loaded.
#[derive(Debug, Default)]
pub(in crate::actions) struct Preload {
    wanted: Vec<Wanted>,
    /// Whether nodes see them anyway.
    visible: bool,
}

/// Finds the images to be preloaded; those that the user's store does not have are pulled into it.
/// Nothing of the cluster is there yet.
pub(in crate::actions) async fn check(
    context: Context<'_>,
    request: &Request,
    node_image: &NodeImage,
) -> Result<Preload, ImagesError> {
    let (podman, spec) = (context.podman, &request.spec);
    if spec.preload.is_empty() {
        return Ok(Preload::default());
    }
    let mut faults = Vec::new();
    let (mut asked, mut absent) = (Vec::new(), Vec::new());
    for image in spec.preload.iter().map(ToString::to_string) {
        let found = podman.image(&image).await;
        let found = found.map_err(|source| ImagesError::Look {
            image: image.clone(),
            source: Box::new(source),
        })?;
        if found.is_some() { asked.push(image) } else { absent.push(image) }
    }
    if !absent.is_empty() {
        let pull = async {
            for image in absent {
                context.events.send(Event::Progress(Step::PullImages, image.clone()));
                match podman.pull_image(&image).await {
                    Ok(()) => asked.push(image),
                    Err(error) => faults.push(format!("`{image}` cannot be pulled: {error}")),
                }
            }
            if faults.is_empty() { Ok(()) } else { Err(()) }
        };
        // It is told with all other faults.
        let _ = step(context.events, Step::PullImages, pull).await;
    }
    let platform = wanted::platform(podman, &node_image.id).await?;
    let wanted = wanted::in_store(podman, &asked, platform.as_ref(), &mut faults).await?;
    refuse(faults)?;
    Ok(Preload { wanted, visible: host_store(spec, &request.machine).is_some() })
}

impl Preload {
    /// Copies them, while the nodes boot.
    pub(in crate::actions) async fn fill(
        &self,
        context: Context<'_>,
        request: &Request,
    ) -> Result<(), ImagesError> {
        if self.visible || self.wanted.is_empty() {
            return Ok(());
        }
        let name = &request.spec.name;
        let store = store(context.dirs, name)?;
        let copy = async {
            for image in &self.wanted {
                context.events.send(Event::Progress(Step::LoadImages, image.name.clone()));
                put(context.podman, None, &store, image, &[]).await?;
            }
            Ok(())
        };
        step(context.events, Step::LoadImages, copy).await
    }

    /// Whether the nodes have them.
    pub(in crate::actions) async fn verify(
        &self,
        context: Context<'_>,
        nodes: &[String],
    ) -> Result<(), ImagesError> {
        let mut faults = Vec::new();
        for image in &self.wanted {
            faults.extend(seen::missing(context.podman, nodes, image).await?);
            context.events.send(Event::Detail(format!("pods have `{}`", image.name)));
        }
        seen::refuse(faults)
    }
}
