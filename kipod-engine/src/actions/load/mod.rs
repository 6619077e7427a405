//! Images for a cluster: into the image store that all its nodes see.

mod error;
mod preload;
mod seen;
mod wanted;

use crate::cluster::store::{self, Staging};
use crate::cluster::{self, Cluster, Record};
use crate::events::{Event, Step, step};
use crate::lease::{ImagesLock, NameLock};
use crate::plan::LOAD_BALANCER;
use crate::podman::{Archive, ImageInfo, ImageStore, Platform, Podman};
use crate::spec::ClusterName;
use crate::util::blocking;
use crate::util::dirs::Dirs;

use crate::actions::change_error::ChangeError;
use crate::actions::create::Context;
use tokio_util::sync::CancellationToken;
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

impl ImageSource {
    /// The names that were asked for, where it is not an archive.
    fn names(&self) -> &[String] {
        match self {
            Self::Store(names) => names,
            Self::Archive(_) => &[],
        }
    }
}

/// Images to be loaded.
#[derive(Debug, Clone)]
pub struct LoadRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// Where they come from.
    pub source: ImageSource,
    /// The nodes that have to have them; all where it is empty. The others have them too: all nodes of
    /// a cluster see one store.
    pub nodes: Vec<String>,
    /// How to ask for an early end.
    pub cancel: CancellationToken,
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
/// Others who load into the same cluster are waited for. While an archive is read, the cluster may be
/// changed and deleted.
///
/// # Errors
///
/// When there is no such cluster, another process creates, changes or deletes it, an image or node is
/// not there, an image is for another platform than the nodes, or a copy fails. What is wrong with what
/// was asked for is found before anything is loaded. What was unpacked is removed in any case.
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
    Cluster::open(dirs, name)?;
    let interrupted = || ImagesError::Cancelled { cluster: name.clone() };
    let _turn = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(interrupted()),
        turn = take_turn(context, name) => turn,
    }?;
    // What stays all the same is in nobody's way, and `prune` says why.
    let _ = store::sweep(podman, dirs, name).await;
    let staging = match &request.source {
        ImageSource::Store(_) => None,
        ImageSource::Archive(_) => {
            let made = Staging::make(dirs, name);
            Some(made.map_err(|source| ImagesError::Staging { source })?)
        }
    };
    let mut lock = None;
    let work = load(context, request, staging.as_ref(), &mut lock);
    let work = async {
        // First, since Ctrl-C ends Podman as well, and it is not Podman that failed.
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
        // Podman was killed with its future, and what it runs takes a moment to end.
        cluster::settle().await;
    }
    drop(lock);
    if let Some(staging) = staging {
        staging.clear(podman).await;
    }
    loaded
}

/// The right to load, after everybody who came before.
async fn take_turn(context: Context<'_>, name: &ClusterName) -> Result<ImagesLock, ImagesError> {
    let state = &context.dirs.state;
    if let Some(lock) = ImagesLock::try_take(state, name)? {
        return Ok(lock);
    }
    let waits = format!("waiting for others who load images into cluster `{name}`");
    context.events.send(Event::Note(waits));
    let (state, name) = (state.clone(), name.clone());
    Ok(blocking(move || ImagesLock::take(&state, &name)).await?)
}

/// Loads them. The cluster's `lock` is taken once an archive is unpacked, which may take long.
async fn load(
    context: Context<'_>,
    request: &LoadRequest,
    staging: Option<&Staging>,
    lock: &mut Option<NameLock>,
) -> Result<Loaded, ChangeError> {
    let Context { podman, dirs, .. } = context;
    let name = &request.cluster;
    let mut faults = Vec::new();
    let unpacked = match (&request.source, staging) {
        (ImageSource::Archive(archive), Some(staging)) => {
            // What is wrong without it is said before.
            nodes(context, request, &mut faults).await?;
            refuse(std::mem::take(&mut faults))?;
            let staged = staging.store(store(dirs, name)?.driver);
            let images = unpack(podman, archive, &staged).await?;
            Some((staged, images))
        }
        _ => None,
    };
    *lock = Some(NameLock::take(&dirs.state, name)?);
    let cluster = Cluster::open(dirs, name)?;
    let (awake, asleep) = nodes(context, request, &mut faults).await?;
    let store = store(dirs, name)?;
    let platform = platform(podman, cluster.record()).await?;
    let platform = platform.as_ref();
    let wanted = match &unpacked {
        Some((_, images)) => wanted::in_archive(images, platform, &mut faults),
        None => wanted::in_store(podman, request.source.names(), platform, &mut faults).await?,
    };
    refuse(faults)?;
    let from = unpacked.as_ref().map(|(staged, _)| staged);
    let images = copy(podman, from, &store, wanted, &awake).await?;
    Ok(Loaded { images, asleep })
}

/// The store of the cluster's own images.
fn store(dirs: &Dirs, name: &ClusterName) -> Result<ImageStore, ImagesError> {
    store::open(dirs, name).ok_or_else(|| ImagesError::NoStore { cluster: name.clone() })
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
    let (awake, asleep): (Vec<_>, Vec<_>) = asked.partition(|node| node.state.is_running());
    let names =
        |nodes: Vec<cluster::NodeSummary>| nodes.into_iter().map(|node| node.name).collect();
    Ok((names(awake), names(asleep)))
}

/// What the nodes run on: the first one's node image says.
async fn platform(podman: &dyn Podman, record: &Record) -> Result<Option<Platform>, ChangeError> {
    let Some(first) = record.nodes.first() else { return Ok(None) };
    let details = podman
        .inspect_container(&first.name)
        .await
        .map_err(|source| ChangeError::Podman { node: first.name.clone(), source })?;
    let image = if details.image.is_empty() { &record.image } else { &details.image };
    Ok(wanted::platform(podman, image).await?)
}

/// All images of an archive.
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
        refuse(vec![format!("there is no image in {archive}")])?;
    }
    Ok(images)
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
    seen::refuse(faults)?;
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
