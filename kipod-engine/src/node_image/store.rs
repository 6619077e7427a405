//! The image store of a node image: the control plane's images, unpacked once, mounted read-only
//! into every node of every cluster.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::addon_images::{METRICS, STORAGE};
use super::build::{BuildError, copy};
use super::inspect::{LOCK, is_store};
use crate::bundle::{Bundle, ImageProgram};
use crate::events::{Event, Events, Step};
use crate::kubernetes::Version;
use crate::lease::{LeaseError, Lock};
use crate::node::StorageDriver;
use crate::podman::{BuildOptions, ImageStore, Labels, PodmanCli, PodmanError};
use crate::util::blocking;

/// The name under which a bundle's root file system is known to Podman.
pub(super) const BASE_REFERENCE: &str = "localhost/kipod-base:latest";

/// An image store that could not be filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused.
    #[error("image store: `{}`: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An image could not be had.
    #[error("image store: cannot {how} `{image}`: {source}")]
    Image {
        /// The image's reference.
        image: String,
        /// `load`, `make` or `pull`.
        how: &'static str,
        /// Why.
        source: PodmanError,
    },
    /// What an earlier attempt left could not be removed.
    #[error("image store: cannot remove what an earlier attempt left: {0}")]
    Remove(PodmanError),
}

impl StoreError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Image { how: "pull", .. } => Some(
                "without a way to the registry, put image archives into the bundle's `images/`, or the programs into its `bin/`, and give it with `--components DIR`".to_owned(),
            ),
            _ => None,
        }
    }
}

/// The name of a bundle's store. The same bundle and images give the same name, another build of the same
/// version another one, so a store that clusters use is never changed below them.
pub(super) fn name(
    kubernetes_version: &Version,
    bundle: &Bundle,
    images: &[String],
) -> Result<String, StoreError> {
    let mut files: Vec<PathBuf> = bundle.image_archives().chain(bundle.base()).collect();
    files.extend(bundle.image_programs().iter().filter_map(|p| bundle.image_program(*p)));
    files.sort();
    let mut hash = Sha256::new();
    for image in images {
        hash.update(image);
        hash.update([0]);
    }
    for path in files {
        let facts = std::fs::metadata(&path)
            .map_err(|source| StoreError::Io { path: path.clone(), source })?;
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(facts.len().to_le_bytes());
        hash.update(facts.mtime().to_le_bytes());
        hash.update(facts.mtime_nsec().to_le_bytes());
    }
    let digest = hash.finalize();
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{kubernetes_version}-{short}"))
}

/// The images that a cluster has beside the control plane's, if the bundle has a way to get them: it
/// holds their programs, or it is one whose images are pulled. One with image archives of its own has
/// them or does not.
pub(super) fn extra_images(bundle: &Bundle) -> Vec<&'static str> {
    let pulled = bundle.image_programs().is_empty() && bundle.image_archives().next().is_none();
    let held = |image: &&str| {
        let mut programs = bundle.image_programs().iter();
        programs.any(|program| program.name() == program_name(image))
    };
    let sets = [STORAGE, METRICS].into_iter().filter(|set| pulled || set.iter().all(held));
    sets.flatten().copied().collect()
}

/// The program that an image of the control plane runs: the last word of its name.
pub(super) fn program_name(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split([':', '@']).next().unwrap_or(name)
}

/// Fills the store with `images`, unless it is there already. It appears complete or not at all;
/// of several processes one fills it and the others wait. `runtime` is kipod's runtime folder. Answers
/// with the lock of all stores: until the image that names this one is there, it belongs to nobody
/// else's eye.
pub(super) async fn fill(
    store: &Path,
    runtime: &Path,
    driver: StorageDriver,
    bundle: &Bundle,
    images: &[String],
    events: &dyn Events,
) -> Result<Lock, BuildError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io { path, source }
    };
    let folder = store.parent().unwrap_or(store).to_owned();
    std::fs::create_dir_all(&folder).map_err(io(&folder))?;
    // One for all stores: they share Podman's running state.
    let path = folder.join(LOCK);
    let lock = blocking(move || Lock::exclusive(&path, || {})).await;
    let lock = lock.map_err(|LeaseError { path, source }| StoreError::Io { path, source })?;
    if is_store(store, driver) {
        return Ok(lock);
    }
    let partial = ImageStore {
        root: beside(store, ".partial"),
        // Podman takes no path of more than 50 characters here.
        runroot: runtime.join("store"),
        driver: driver.name(),
    };
    let user = PodmanCli::new();
    let clear = async || -> Result<(), StoreError> {
        // The store itself is what somebody removed half of.
        for path in [&partial.root, &partial.runroot, &store.to_owned()] {
            user.unshare_remove(path).await.map_err(StoreError::Remove)?;
        }
        Ok(())
    };
    clear().await?;
    let podman = PodmanCli::new().in_store(partial.clone());
    if let Err(error) = fill_with(&podman, bundle, images, events).await {
        // The first cause is what matters; the next attempt clears again.
        let _ = clear().await;
        return Err(error);
    }
    // Podman's own book-keeping is no part of an image store, and it names the folder's old path.
    for extra in ["libpod", "networks", "tmp", "mounts", "db.sql"] {
        user.unshare_remove(&partial.root.join(extra)).await.map_err(StoreError::Remove)?;
    }
    user.unshare_remove(&partial.runroot).await.map_err(StoreError::Remove)?;
    std::fs::rename(&partial.root, store).map_err(io(store))?;
    Ok(lock)
}

/// The path with `end` behind its name, which may hold dots of its own.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    path.into()
}

async fn fill_with(
    podman: &PodmanCli,
    bundle: &Bundle,
    images: &[String],
    events: &dyn Events,
) -> Result<(), BuildError> {
    let mut loaded = Vec::new();
    for archive in bundle.image_archives() {
        let image = archive.display().to_string();
        let found = podman.load(&archive).await;
        loaded.extend(found.map_err(|source| StoreError::Image { image, how: "load", source })?);
    }
    let mut has_base = false;
    for image in images.iter().filter(|image| !loaded.contains(image)) {
        events.send(Event::Progress(Step::FillStore, image.clone()));
        let program = ImageProgram::ALL.iter().find(|p| p.name() == program_name(image));
        // kube-proxy calls iptables and its kin, so without a root file system it is not made.
        let program = program.filter(|p| **p != ImageProgram::KubeProxy || bundle.base().is_some());
        let Some((program, path)) =
            program.and_then(|program| Some((*program, bundle.image_program(*program)?)))
        else {
            podman.pull(image).await.map_err(|source| StoreError::Image {
                image: image.clone(),
                how: "pull",
                source,
            })?;
            continue;
        };
        // All others are alone in their image.
        let base = match (program, bundle.base()) {
            (ImageProgram::KubeProxy, Some(base)) => {
                if !has_base {
                    podman.import(&base, BASE_REFERENCE, &[]).await.map_err(|source| {
                        StoreError::Image { image: BASE_REFERENCE.to_owned(), how: "load", source }
                    })?;
                    has_base = true;
                }
                BASE_REFERENCE
            }
            _ => "scratch",
        };
        make(podman, image, program, &path, base).await?;
    }
    Ok(())
}

/// Makes an image of one program.
async fn make(
    podman: &PodmanCli,
    image: &str,
    program: ImageProgram,
    path: &Path,
    base: &str,
) -> Result<(), BuildError> {
    let context = tempfile::tempdir()
        .map_err(|source| StoreError::Io { path: std::env::temp_dir(), source })?;
    copy(path, &context.path().join(program.name()))?;
    let text = containerfile(program, base);
    let file = context.path().join("Containerfile");
    std::fs::write(&file, text).map_err(|source| StoreError::Io { path: file, source })?;
    let options = BuildOptions {
        context: context.path().to_owned(),
        tag: image.to_owned(),
        args: Default::default(),
        labels: Labels::new(),
    };
    podman.build(&options).await.map_err(|source| StoreError::Image {
        image: image.to_owned(),
        how: "make",
        source,
    })?;
    Ok(())
}

/// Alone in their image, the programs are where upstream's are: kubeadm's manifests call all but
/// pause by name.
fn containerfile(program: ImageProgram, base: &str) -> String {
    let name = program.name();
    match program {
        ImageProgram::Pause => {
            format!("FROM {base}\nCOPY {name} /pause\nENTRYPOINT [\"/pause\"]\n")
        }
        // It is what it is called by; these three are all that is asked of it.
        ImageProgram::Busybox => format!(
            "FROM {base}\nCOPY {name} /bin/sh\nCOPY {name} /bin/mkdir\nCOPY {name} /bin/rm\nCMD [\"sh\"]\n"
        ),
        _ => format!(
            "FROM {base}\nCOPY {name} /usr/local/bin/\nENTRYPOINT [\"/usr/local/bin/{name}\"]\n"
        ),
    }
}
