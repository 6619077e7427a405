//! Loading images into the image store that all nodes of a cluster share.

mod error;
mod hold;
mod preload;
mod visible;
mod wanted;

use crate::cluster::store::{self, Staging};
use crate::cluster::{self, ClusterEntry, Record};
use crate::events::{Event, Step, step};
use crate::lease::{ImagesLock, NameLock};
use crate::plan::LOAD_BALANCER;
use crate::podman::{Archive, ImageInfo, ImageStore, Platform, Podman};
use crate::spec::ClusterName;
use crate::util::blocking;
use crate::util::dirs::Dirs;

use crate::actions::change_error::ChangeError;
use crate::actions::context::Context;
use tokio_util::sync::CancellationToken;
use wanted::Wanted;

pub use error::ImagesError;
pub(super) use preload::{Preload, check as check_preload};

/// The source of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// The user's Podman store, by name or id. Short names are resolved as Podman does.
    Store(Vec<String>),
    /// All images of an archive.
    Archive(Archive),
}

impl ImageSource {
    /// Returns the requested names; none for an archive.
    fn names(&self) -> &[String] {
        match self {
            Self::Store(names) => names,
            Self::Archive(_) => &[],
        }
    }
}

/// Options for loading images.
#[derive(Debug, Clone)]
pub struct LoadRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The source of the images.
    pub source: ImageSource,
    /// The nodes on which to verify the images; all if empty. The other nodes see the images too, since
    /// they share one store.
    pub nodes: Vec<String>,
    /// The token that cancels the operation.
    pub cancel: CancellationToken,
}

/// A loaded image: one name of an image that all nodes of the cluster see.
///
/// ```no_run
/// # async fn example(cluster: kipod_engine::Cluster) -> Result<(), kipod_engine::Error> {
/// let loaded = cluster.load_image("controller:dev").await?;
/// // The name to use in the `image` of a pod.
/// let image = &loaded.images[0];
/// assert_eq!(image.name, "localhost/controller:dev");
/// if !image.copied {
///     println!("all nodes had {} already", image.id);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadedImage {
    /// The image name for pods.
    pub name: String,
    /// The image id, as in its source.
    pub id: String,
    /// `true` if the image was copied, `false` if all nodes saw it before.
    pub copied: bool,
}

/// The result of loading images.
///
/// ```no_run
/// # async fn example(cluster: kipod_engine::Cluster) -> Result<(), kipod_engine::Error> {
/// let loaded = cluster.load_archive("images.tar").await?;
/// for image in &loaded.images {
///     println!("{}", image.name);
/// }
/// for node in &loaded.stopped {
///     println!("node `{node}` is stopped, and sees the images when it starts");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// The images, one entry per name.
    pub images: Vec<LoadedImage>,
    /// Stopped nodes, on which the images could not be verified. They see the images once started.
    pub stopped: Vec<String>,
}

/// Loads images into a cluster. Images that all nodes see already, through the user's image store or an
/// earlier load, are skipped. Afterwards, the ids of the images are verified on the nodes.
///
/// Waits for other processes that load images into the same cluster. While an archive is unpacked, the
/// cluster may be changed or deleted.
///
/// # Errors
///
/// When the cluster does not exist, another process creates, changes or deletes it, an image or node does
/// not exist, an image is for another platform, or a copy fails. The request is validated before any image
/// is loaded. Unpacked files are removed in any case.
///
/// ```no_run
/// # async fn example(context: kipod_engine::actions::Context<'_>) -> Result<(), kipod_engine::actions::ChangeError> {
/// use kipod_engine::CancellationToken;
/// use kipod_engine::actions::{ImageSource, LoadRequest, load_images};
///
/// let request = LoadRequest {
///     cluster: "dev".parse().unwrap(),
///     source: ImageSource::Store(vec!["controller:dev".to_owned()]),
///     nodes: Vec::new(),
///     cancel: CancellationToken::new(),
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
    let Context { podman, dirs, events } = context;
    let (name, cancel) = (&request.cluster, &request.cancel);
    ClusterEntry::open(dirs, name)?;
    let interrupted = || ImagesError::Cancelled { cluster: name.clone() };
    let _images_lock = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(interrupted()),
        lock = lock_images(context, name) => lock,
    }?;
    // Remaining files do no harm, and `prune` reports them.
    let _ = store::sweep(podman, dirs, name).await;
    let staging = match &request.source {
        ImageSource::Store(_) => None,
        ImageSource::Archive(_) => {
            let staging = Staging::create(dirs, name);
            Some(staging.map_err(|source| ImagesError::Staging { source })?)
        }
    };
    let mut lock = None;
    let work = load(context, request, staging.as_ref(), &mut lock);
    let work = async {
        // First: Ctrl-C ends Podman's processes too, and the cancellation is the cause.
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(interrupted().into()),
            loaded = work => loaded.map_err(|error| match cancel.is_cancelled() {
                true => interrupted().into(),
                false => error,
            }),
        }
    };
    let loaded = step(events, Step::LoadImages, work).await;
    if cancel.is_cancelled() {
        // Podman was killed with its future; its child processes exit a moment later.
        cluster::settle().await;
    }
    drop(lock);
    if let Some(staging) = staging {
        staging.clear(podman).await;
    }
    loaded
}

/// Takes the lock of the cluster's images, waiting for other processes.
async fn lock_images(context: Context<'_>, name: &ClusterName) -> Result<ImagesLock, ImagesError> {
    let state = &context.dirs.state;
    if let Some(lock) = ImagesLock::try_take(state, name)? {
        return Ok(lock);
    }
    let note = format!("waiting for another process that loads images into cluster `{name}`");
    context.events.send(Event::Note(note));
    let (state, name) = (state.clone(), name.clone());
    Ok(blocking(move || ImagesLock::take(&state, &name)).await?)
}

/// Loads the images. Takes the cluster's `lock` after an archive is unpacked, which may take long.
async fn load(
    context: Context<'_>,
    request: &LoadRequest,
    staging: Option<&Staging>,
    lock: &mut Option<NameLock>,
) -> Result<Loaded, ChangeError> {
    let Context { podman, dirs, .. } = context;
    let name = &request.cluster;
    let mut errors = Vec::new();
    let unpacked = match (&request.source, staging) {
        (ImageSource::Archive(archive), Some(staging)) => {
            // Errors in the request are reported before the archive is read.
            nodes(context, request, &mut errors).await?;
            refuse(std::mem::take(&mut errors))?;
            let staged = staging.store(store(dirs, name)?.driver);
            let images = unpack(podman, archive, &staged).await?;
            Some((staged, images))
        }
        _ => None,
    };
    *lock = Some(NameLock::take(&dirs.state, name)?);
    let cluster = ClusterEntry::open(dirs, name)?;
    let (running, stopped) = nodes(context, request, &mut errors).await?;
    let store = store(dirs, name)?;
    let platform = platform(podman, cluster.record()).await?;
    let platform = platform.as_ref();
    let wanted = match &unpacked {
        Some((_, images)) => wanted::in_archive(images, platform, &mut errors),
        None => wanted::in_store(podman, request.source.names(), platform, &mut errors).await?,
    };
    refuse(errors)?;
    let from = unpacked.as_ref().map(|(staged, _)| staged);
    let images = copy(podman, from, &store, wanted, &running).await?;
    if cluster.record().spec.host_images {
        // A copied image does not depend on the user's store.
        let in_place = images.iter().filter(|image| !image.copied && from.is_none());
        let in_place = in_place.map(|one| Wanted { name: one.name.clone(), id: one.id.clone() });
        let in_place: Vec<_> = in_place.collect();
        let are_all = request.nodes.is_empty() && stopped.is_empty();
        hold::update(context, name, &in_place, hold::Nodes { running: &running, are_all }).await;
    }
    Ok(Loaded { images, stopped })
}

/// Returns the image store of the cluster.
fn store(dirs: &Dirs, name: &ClusterName) -> Result<ImageStore, ImagesError> {
    store::open(dirs, name).ok_or_else(|| ImagesError::NoStore { cluster: name.clone() })
}

fn refuse(errors: Vec<String>) -> Result<(), ImagesError> {
    if errors.is_empty() { Ok(()) } else { Err(ImagesError::Invalid { errors }) }
}

/// Returns the requested nodes: the running and the stopped ones.
async fn nodes(
    context: Context<'_>,
    request: &LoadRequest,
    errors: &mut Vec<String>,
) -> Result<(Vec<String>, Vec<String>), ChangeError> {
    let found = cluster::nodes(context.podman, context.dirs, Some(&request.cluster)).await;
    let found = found.map_err(ChangeError::list)?;
    let found: Vec<_> = found.into_iter().filter(|node| node.role != LOAD_BALANCER).collect();
    let all: Vec<&str> = found.iter().map(|node| node.name.as_str()).collect();
    for node in request.nodes.iter().filter(|node| !all.contains(&node.as_str())) {
        let all = all.join(", ");
        errors.push(format!(
            "node `{node}` not found in cluster `{}`, which has {all}",
            request.cluster
        ));
    }
    let requested = |name: &String| request.nodes.is_empty() || request.nodes.contains(name);
    let requested = found.into_iter().filter(|node| requested(&node.name));
    let (running, stopped): (Vec<_>, Vec<_>) = requested.partition(|node| node.state.is_running());
    let names =
        |nodes: Vec<cluster::NodeSummary>| nodes.into_iter().map(|node| node.name).collect();
    Ok((names(running), names(stopped)))
}

/// Returns the platform of the nodes, which is that of the first node's image.
async fn platform(podman: &dyn Podman, record: &Record) -> Result<Option<Platform>, ChangeError> {
    let Some(first) = record.nodes.first() else { return Ok(None) };
    let details = podman
        .inspect_container(&first.name)
        .await
        .map_err(|source| ChangeError::Podman { node: first.name.clone(), source })?;
    let image = if details.image.is_empty() { &record.image } else { &details.image };
    Ok(wanted::platform(podman, image).await?)
}

/// Unpacks an archive into the staging store. Returns its images.
async fn unpack(
    podman: &dyn Podman,
    archive: &Archive,
    staged: &ImageStore,
) -> Result<Vec<ImageInfo>, ImagesError> {
    let images = podman.load_archive(archive, staged).await;
    let images = images.map_err(|source| ImagesError::Archive {
        archive: archive.clone(),
        source: Box::new(source),
    })?;
    if images.is_empty() {
        refuse(vec![format!("{archive} contains no image")])?;
    }
    Ok(images)
}

/// Copies the images that some node does not see, and verifies them.
async fn copy(
    podman: &dyn Podman,
    from: Option<&ImageStore>,
    store: &ImageStore,
    wanted: Vec<Wanted>,
    nodes: &[String],
) -> Result<Vec<LoadedImage>, ImagesError> {
    let mut loaded: Vec<LoadedImage> = Vec::new();
    for image in &wanted {
        let copied = nodes.is_empty() || !visible::missing(podman, nodes, image).await?.is_empty();
        if copied {
            put(podman, from, store, image, &loaded).await?;
        }
        let (name, id) = (image.name.clone(), image.id.clone());
        loaded.push(LoadedImage { name, id, copied });
    }
    let mut errors = Vec::new();
    for (image, loaded) in wanted.iter().zip(&loaded) {
        if loaded.copied {
            errors.extend(visible::missing(podman, nodes, image).await?);
        }
    }
    visible::verify(errors)?;
    Ok(loaded)
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
