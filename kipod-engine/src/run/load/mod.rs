//! Images for a cluster: into the image store that all its nodes see.

mod error;
mod preload;
mod seen;
mod wanted;

use crate::blocking::blocking;
use crate::cluster::{self, Cluster, Record};
use crate::events::{Event, Step, step};
use crate::image::cluster_store;
use crate::lease::{Lock, NameLock, images_lock};
use crate::plan::LOAD_BALANCER;
use crate::podman::{Archive, ImageStore, Platform, Podman};
use crate::spec::ClusterName;

use super::change_error::ChangeError;
use super::create::Context;
use wanted::Wanted;

pub use error::ImagesError;
pub(super) use preload::{Preload, check as check_preload};

/// Where images come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// The user's own Podman, by name or id: names that are not whole are read as Podman does.
    Store(Vec<String>),
    /// All images of an archive.
    Archive(Archive),
}

/// Images to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// Where they come from.
    pub source: ImageSource,
    /// The nodes that have to have them; all where it is empty. The others have them too: all nodes of
    /// a cluster see one store.
    pub nodes: Vec<String>,
}

/// An image that all nodes see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The name by which pods find it.
    pub name: String,
    /// Its id, the same as in the store or archive that it comes from.
    pub id: String,
    /// Whether it was copied; otherwise every node saw it already, and nothing was done.
    pub copied: bool,
}

/// What loading came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Each image, by each of its names.
    pub images: Vec<LoadedImage>,
    /// Nodes that do not run, and could not be asked: they see the images when they start.
    pub asleep: Vec<String>,
}

/// Loads images into a cluster. Its nodes are asked first: what all of them see already, through the
/// user's own image store or since an earlier load, is left alone. They are asked again afterwards, and
/// have to have the same ids.
///
/// Others who load into the same cluster are waited for.
///
/// # Errors
///
/// When there is no such cluster, another process creates, changes or deletes it, an image or node is
/// not there, an image is for another platform than the nodes, or a copy fails. What is wrong with what
/// was asked for is found before anything is loaded.
///
/// ```no_run
/// # async fn example(context: kipod_engine::run::Context<'_>) -> Result<(), kipod_engine::run::ChangeError> {
/// use kipod_engine::run::{ImageSource, LoadRequest, load_images};
///
/// let request = LoadRequest {
///     cluster: "dev".parse().unwrap(),
///     source: ImageSource::Store(vec!["controller:dev".to_owned()]),
///     nodes: Vec::new(),
/// };
/// let loaded = load_images(context, &request).await?;
/// assert_eq!(loaded.images[0].name, "localhost/controller:dev");
/// # Ok(())
/// # }
/// ```
pub async fn load_images(
    context: Context<'_>,
    request: &LoadRequest,
) -> Result<Loaded, ChangeError> {
    let (state, name) = (&context.dirs.state, &request.cluster);
    Cluster::open(context.dirs, name)?;
    let turn = take_turn(context, name).await?;
    let lock = NameLock::take(state, name)?;
    let cluster = Cluster::open(context.dirs, name)?;
    let work = load(context, request, cluster.record());
    let loaded = step(context.events, Step::LoadImages, work).await;
    drop(lock);
    turn.remove();
    loaded
}

/// The right to load, after everybody who came before.
async fn take_turn(context: Context<'_>, name: &ClusterName) -> Result<Lock, ImagesError> {
    let path = images_lock(&context.dirs.state, name);
    let waits = Event::Note(format!("waiting for others who load images into cluster `{name}`"));
    match Lock::try_exclusive(&path)? {
        Some(lock) => Ok(lock),
        None => {
            context.events.send(waits);
            Ok(blocking(move || Lock::exclusive(&path, || {})).await?)
        }
    }
}

async fn load(
    context: Context<'_>,
    request: &LoadRequest,
    record: &Record,
) -> Result<Loaded, ChangeError> {
    let podman = context.podman;
    let mut faults = Vec::new();
    let (awake, asleep) = nodes(context, request, &mut faults).await?;
    let name = &record.name;
    let store = cluster_store::open(context.dirs, name)
        .ok_or_else(|| ImagesError::NoStore { cluster: name.clone() })?;
    let platform = platform(podman, record).await?;
    let images = match &request.source {
        ImageSource::Store(asked) => {
            let wanted = wanted::in_store(podman, asked, platform.as_ref(), &mut faults).await?;
            refuse(faults)?;
            copy(podman, None, &store, wanted, &awake).await?
        }
        ImageSource::Archive(archive) => {
            // Before an archive is unpacked, which may take long.
            refuse(std::mem::take(&mut faults))?;
            let staging = cluster_store::staging(context.dirs, name, &store);
            clear(podman, &staging).await;
            let work = unpack(podman, archive, &staging, platform.as_ref(), &store, &awake);
            let images = work.await;
            clear(podman, &staging).await;
            images?
        }
    };
    Ok(Loaded { images, asleep })
}

fn refuse(faults: Vec<String>) -> Result<(), ImagesError> {
    if faults.is_empty() { Ok(()) } else { Err(ImagesError::Refused { faults }) }
}

/// The nodes that have to have the images: those that run, and those that do not.
async fn nodes(
    context: Context<'_>,
    request: &LoadRequest,
    faults: &mut Vec<String>,
) -> Result<(Vec<String>, Vec<String>), ChangeError> {
    let found = cluster::nodes(context.podman, context.dirs, Some(&request.cluster)).await;
    let found = found.map_err(ChangeError::list)?;
    let found: Vec<_> = found.into_iter().filter(|node| node.role != LOAD_BALANCER).collect();
    let all: Vec<&str> = found.iter().map(|node| node.name.as_str()).collect();
    for node in request.nodes.iter().filter(|node| !all.contains(&node.as_str())) {
        let all = all.join(", ");
        faults.push(format!("cluster `{}` has no node `{node}`: it has {all}", request.cluster));
    }
    let asked = |name: &String| request.nodes.is_empty() || request.nodes.contains(name);
    let asked = found.into_iter().filter(|node| asked(&node.name));
    let (awake, asleep): (Vec<_>, Vec<_>) = asked.partition(|node| node.state == "running");
    let names =
        |nodes: Vec<cluster::NodeSummary>| nodes.into_iter().map(|node| node.name).collect();
    Ok((names(awake), names(asleep)))
}

/// What the nodes run on: the first one's node image says.
async fn platform(podman: &dyn Podman, record: &Record) -> Result<Option<Platform>, ChangeError> {
    let Some(first) = record.nodes.first() else { return Ok(None) };
    let facts = podman
        .inspect_container(&first.name)
        .await
        .map_err(|source| ChangeError::Podman { node: first.name.clone(), source })?;
    let image = facts["Image"].as_str().unwrap_or(&record.image);
    Ok(wanted::platform(podman, image).await?)
}

async fn unpack(
    podman: &dyn Podman,
    archive: &Archive,
    staging: &ImageStore,
    platform: Option<&Platform>,
    store: &ImageStore,
    nodes: &[String],
) -> Result<Vec<LoadedImage>, ImagesError> {
    let images = podman.load_archive(archive, staging).await;
    let images = images.map_err(|source| ImagesError::Archive {
        archive: archive.clone(),
        source: Box::new(source),
    })?;
    let mut faults = Vec::new();
    let wanted = wanted::in_archive(&images, platform, &mut faults);
    if images.is_empty() {
        faults.push(format!("there is no image in {archive}"));
    }
    refuse(faults)?;
    copy(podman, Some(staging), store, wanted, nodes).await
}

/// Copies what not every node has.
async fn copy(
    podman: &dyn Podman,
    from: Option<&ImageStore>,
    store: &ImageStore,
    wanted: Vec<Wanted>,
    nodes: &[String],
) -> Result<Vec<LoadedImage>, ImagesError> {
    let mut loaded: Vec<LoadedImage> = Vec::new();
    for image in &wanted {
        let absent = nodes.is_empty() || !seen::missing(podman, nodes, image).await?.is_empty();
        if absent {
            put(podman, from, store, image, &loaded).await?;
        }
        let (name, id) = (image.name.clone(), image.id.clone());
        loaded.push(LoadedImage { name, id, copied: absent });
    }
    let mut faults = Vec::new();
    for (image, loaded) in wanted.iter().zip(&loaded) {
        if loaded.copied {
            faults.extend(seen::missing(podman, nodes, image).await?);
        }
    }
    if faults.is_empty() { Ok(loaded) } else { Err(ImagesError::Unseen { faults }) }
}

async fn put(
    podman: &dyn Podman,
    from: Option<&ImageStore>,
    store: &ImageStore,
    image: &Wanted,
    loaded: &[LoadedImage],
) -> Result<(), ImagesError> {
    let copied = podman.copy_image(&image.name, from, store).await;
    copied.map_err(|source| ImagesError::Copy {
        image: image.name.clone(),
        loaded: loaded.iter().filter(|one| one.copied).map(|one| one.name.clone()).collect(),
        source: Box::new(source),
    })
}

/// Removes what was unpacked. Where that fails it goes with the cluster.
async fn clear(podman: &dyn Podman, staging: &ImageStore) {
    if staging.root.exists() {
        let _ = podman.remove_path(&staging.root).await;
    }
    let _ = std::fs::remove_dir_all(&staging.runroot);
}
