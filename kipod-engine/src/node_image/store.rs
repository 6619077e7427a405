//! The image store of a node image: the images of the control plane, which the nodes of all clusters
//! mount read-only.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::addon_images::{METRICS, STORAGE};
use super::files::{FileError, copy};
use super::layout::{LOCK, is_store};
use crate::bundle::{Bundle, ImageProgram};
use crate::events::{Event, Events, Step};
use crate::kubernetes::Version;
use crate::lease::{LeaseError, Lock};
use crate::podman::{BuildOptions, ImageStore, Labels, PodmanCli, PodmanError, StorageDriver};
use crate::util::{Hint, blocking};

/// The reference of the image of a bundle's root file system.
pub(super) const BASE_REFERENCE: &str = "localhost/kipod-base:latest";

/// An error of filling an image store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An operation of the file system failed.
    #[error("cannot access `{}` for the image store", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An image could not be added.
    #[error("failed to {how} `{image}` for the image store")]
    Image {
        /// The image's reference.
        image: String,
        /// `load`, `build` or `pull`.
        how: &'static str,
        /// The cause.
        source: PodmanError,
    },
    /// The remains of an earlier attempt could not be removed.
    #[error("failed to remove the remains of an earlier image store")]
    Remove(#[source] PodmanError),
}

impl From<FileError> for StoreError {
    fn from(FileError { path, source }: FileError) -> Self {
        Self::Io { path, source }
    }
}

impl Hint for StoreError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Image { how: "pull", .. } => Some(
                "without access to the registry, add image archives to the bundle's `images/`, or the programs to its `bin/`, and pass it with `--components DIR`".to_owned(),
            ),
            _ => None,
        }
    }
}

/// Returns the name of a bundle's store. It depends on the bundle's files and the images, so that a store
/// in use never changes.
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
        let meta = std::fs::metadata(&path)
            .map_err(|source| StoreError::Io { path: path.clone(), source })?;
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(meta.len().to_le_bytes());
        hash.update(meta.mtime().to_le_bytes());
        hash.update(meta.mtime_nsec().to_le_bytes());
    }
    let digest = hash.finalize();
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{kubernetes_version}-{short}"))
}

/// Returns the images of add-ons that the store can contain: if the bundle contains their programs, or if
/// all its images are pulled. A bundle with image archives contains those of add-ons, or does without.
pub(super) fn extra_images(bundle: &Bundle) -> Vec<&'static str> {
    let pulled = bundle.image_programs().is_empty() && bundle.image_archives().next().is_none();
    let is_contained = |image: &&str| {
        let mut programs = bundle.image_programs().iter();
        programs.any(|program| program.name() == program_name(image))
    };
    let sets = [STORAGE, METRICS].into_iter().filter(|set| pulled || set.iter().all(is_contained));
    sets.flatten().copied().collect()
}

/// Returns the program of an image of the control plane: the last part of its name.
pub(super) fn program_name(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split([':', '@']).next().unwrap_or(name)
}

/// Fills the store with `images`, unless it exists. The store is created atomically; of several processes
/// one fills it and the others wait. `runtime` is kipod's runtime directory. Returns the lock of all
/// stores, which protects the store until an image refers to it.
pub(super) async fn fill(
    store: &Path,
    runtime: &Path,
    driver: StorageDriver,
    bundle: &Bundle,
    images: &[String],
    events: &dyn Events,
) -> Result<Lock, StoreError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io { path, source }
    };
    let stores = store.parent().unwrap_or(store).to_owned();
    std::fs::create_dir_all(&stores).map_err(io(&stores))?;
    // One lock for all stores: they share Podman's runtime state.
    let path = stores.join(LOCK);
    let lock = blocking(move || Lock::exclusive(&path, || {})).await;
    let lock = lock.map_err(|LeaseError { path, source }| StoreError::Io { path, source })?;
    if is_store(store, driver) {
        return Ok(lock);
    }
    let partial = ImageStore {
        root: with_suffix(store, ".partial"),
        // Podman accepts at most 50 characters for this path.
        runroot: runtime.join("store"),
        driver: driver.name(),
    };
    let user = PodmanCli::new();
    let clear = async || -> Result<(), StoreError> {
        // The store itself may have been removed incompletely.
        for path in [&partial.root, &partial.runroot, &store.to_owned()] {
            user.unshare_remove(path).await.map_err(StoreError::Remove)?;
        }
        Ok(())
    };
    clear().await?;
    let podman = PodmanCli::new().in_store(partial.clone());
    if let Err(error) = fill_with(&podman, bundle, images, events).await {
        // The first error is reported; the next attempt removes the remains again.
        let _ = clear().await;
        return Err(error);
    }
    // Podman's database is not part of an image store, and contains the old path of the directory.
    for extra in ["libpod", "networks", "tmp", "mounts", "db.sql"] {
        user.unshare_remove(&partial.root.join(extra)).await.map_err(StoreError::Remove)?;
    }
    user.unshare_remove(&partial.runroot).await.map_err(StoreError::Remove)?;
    std::fs::rename(&partial.root, store).map_err(io(store))?;
    Ok(lock)
}

/// Appends a suffix to a path. The name may contain dots.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Adds the images to the store.
async fn fill_with(
    podman: &PodmanCli,
    bundle: &Bundle,
    images: &[String],
    events: &dyn Events,
) -> Result<(), StoreError> {
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
        // kube-proxy needs iptables and other programs, so its image needs a root file system.
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
        // The images of all other programs contain nothing else.
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
        build(podman, image, program, &path, base).await?;
    }
    Ok(())
}

/// Builds an image of one program.
async fn build(
    podman: &PodmanCli,
    image: &str,
    program: ImageProgram,
    path: &Path,
    base: &str,
) -> Result<(), StoreError> {
    let context = tempfile::tempdir()
        .map_err(|source| StoreError::Io { path: std::env::temp_dir(), source })?;
    copy(path, &context.path().join(program.name()))?;
    let text = containerfile(program, base);
    let file = context.path().join("Containerfile");
    std::fs::write(&file, text).map_err(|source| StoreError::Io { path: file, source })?;
    let options = BuildOptions {
        context: context.path().to_owned(),
        tag: Some(image.to_owned()),
        args: Default::default(),
        labels: Labels::new(),
    };
    podman.build(&options).await.map_err(|source| StoreError::Image {
        image: image.to_owned(),
        how: "build",
        source,
    })?;
    Ok(())
}

/// Returns the Containerfile of an image. The programs have the paths of upstream's images: the manifests
/// of kubeadm start all but pause by name.
fn containerfile(program: ImageProgram, base: &str) -> String {
    let name = program.name();
    match program {
        ImageProgram::Pause => {
            format!("FROM {base}\nCOPY {name} /pause\nENTRYPOINT [\"/pause\"]\n")
        }
        // busybox selects the applet by its name; only these three are needed.
        ImageProgram::Busybox => format!(
            "FROM {base}\nCOPY {name} /bin/sh\nCOPY {name} /bin/mkdir\nCOPY {name} /bin/rm\nCMD [\"sh\"]\n"
        ),
        _ => format!(
            "FROM {base}\nCOPY {name} /usr/local/bin/\nENTRYPOINT [\"/usr/local/bin/{name}\"]\n"
        ),
    }
}
