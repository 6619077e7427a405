//! Building a node image and the image store that goes with it, from a component bundle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::addon_images::STORAGE;
use super::inspect::store_dir;
use super::label;
use super::reference::tag;
use super::store::{self, StoreError};
use crate::bundle::{Bundle, BundleError, ImageProgram, Program};
use crate::events::{Event, Events, Step, step};
use crate::kubernetes::{Version, VersionError};
use crate::node::StorageDriver;
use crate::podman::{BuildOptions, Command, CommandError, Labels, PodmanCli, PodmanError};
use crate::util::blocking;
use crate::util::dirs::Dirs;

/// Every program that goes into a node, below `/usr/local/bin`.
const NODE_PROGRAMS: &[Program] = Program::ALL;

/// A node image to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeImageOptions {
    /// Its reference, as `localhost/kipod-node:latest`. One without a tag gets the Kubernetes version
    /// as its tag.
    pub reference: String,
    /// The Kubernetes that it has to have, as `1.36` or `v1.36.2`; `None` takes what the bundle has.
    pub kubernetes_version: Option<Version>,
    /// What it is built on: an image's reference. `None` takes the bundle's own root file system,
    /// or where it has none, the pinned Debian image.
    pub base_image: Option<String>,
    /// How the image store's layers are stacked: as the nodes of this machine do it.
    pub storage_driver: StorageDriver,
}

/// A node image that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its reference.
    pub reference: String,
    /// The Kubernetes version inside.
    pub kubernetes_version: Version,
    /// The folder of its image store.
    pub image_store: PathBuf,
}

/// A node image that could not be built. Nothing half-made is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle's Kubernetes is not one that kipod can make nodes of.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The bundle has another Kubernetes than was asked for.
    #[error("component bundle `{}` has Kubernetes {have}, and not {wanted}", .dir.display())]
    OtherVersion {
        /// The bundle's folder.
        dir: PathBuf,
        /// What it has.
        have: Box<Version>,
        /// What was asked for.
        wanted: Box<Version>,
    },
    /// The bundle's kubeadm does not run on this machine.
    #[error("the bundle's kubeadm does not work here: {0}")]
    Kubeadm(CommandError),
    /// The build context could not be laid out.
    #[error("cannot prepare the build: `{}`: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The base image could not be had.
    #[error("cannot get the base image `{reference}`: {source}")]
    Base {
        /// Its reference.
        reference: String,
        /// Why.
        source: PodmanError,
    },
    /// The build itself failed.
    #[error("cannot build `{reference}`: {source}")]
    Build {
        /// The image's reference.
        reference: String,
        /// Why.
        source: PodmanError,
    },
    /// The image store could not be filled.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody asked to stop.
    #[error("the build was interrupted")]
    Cancelled,
}

impl BuildError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Bundle(error) => error.hint(),
            Self::OtherVersion { wanted, .. } => Some(format!(
                "without `--components`, and with `KIPOD_COMPONENTS` not set, an installed bundle of {wanted} is found, or downloaded"
            )),
            Self::Kubeadm(_) => {
                Some("the bundle must be for this machine's architecture".to_owned())
            }
            Self::Base { .. } => Some(
                "without a way to the registry, name a local image with `--base-image`, or put a root file system `base.tar` into the bundle".to_owned(),
            ),
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}

/// Builds a node image and fills its image store.
///
/// The image gets one layer on top of its base. The store is shared by all clusters of the image,
/// and used again when the same bundle is built again.
///
/// # Errors
///
/// When any part fails.
pub async fn build_node_image(
    dirs: &Dirs,
    events: &dyn Events,
    bundle: &Bundle,
    options: &NodeImageOptions,
) -> Result<Built, BuildError> {
    let kubernetes_version: Version =
        kubeadm(bundle, &["version", "-o", "short"]).await?.trim().parse()?;
    kubernetes_version.check_supported()?;
    if let Some(wanted) = &options.kubernetes_version
        && !wanted.matches(&kubernetes_version)
    {
        return Err(BuildError::OtherVersion {
            dir: bundle.dir().to_owned(),
            have: Box::new(kubernetes_version),
            wanted: Box::new(wanted.clone()),
        });
    }
    let reference = match options.reference.rsplit('/').next() {
        Some(last) if last.contains(':') => options.reference.clone(),
        _ => format!("{}:{}", options.reference, tag(&kubernetes_version)),
    };
    let options = &NodeImageOptions { reference, ..options.clone() };
    let listed = kubeadm(
        bundle,
        &["config", "images", "list", "--kubernetes-version", &kubernetes_version.to_string()],
    )
    .await?;
    let extra = store::extra_images(bundle);
    if !STORAGE.iter().all(|image| extra.contains(image)) {
        events.send(Event::Note(
            "the component bundle has no `local-path-provisioner` and `busybox`: clusters will have no default StorageClass".to_owned(),
        ));
    }
    let images: Vec<String> =
        listed.lines().chain(extra.iter().copied()).map(str::to_owned).collect();
    let name = store::name(&kubernetes_version, bundle, &images)?;
    let image_store = store_dir(&dirs.data, &name, options.storage_driver);
    let fill =
        store::fill(&image_store, &dirs.runtime, options.storage_driver, bundle, &images, events);
    let _lock = step(events, Step::FillStore, fill).await?;

    let pause =
        images.iter().find(|image| store::program_name(image) == ImageProgram::Pause.name());
    let labels: Labels = [
        (label::KUBERNETES_VERSION, kubernetes_version.to_string()),
        (label::PAUSE_IMAGE, pause.cloned().unwrap_or_default()),
        (label::IMAGE_STORE, name),
        (label::REVISION, kipod_images::REVISION.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let build = build_image(dirs, bundle, options, &kubernetes_version, labels);
    step(events, Step::BuildImage, build).await?;
    events.send(Event::Detail(format!("image store: `{}`", image_store.display())));
    Ok(Built { reference: options.reference.clone(), kubernetes_version, image_store })
}

async fn kubeadm(bundle: &Bundle, args: &[&str]) -> Result<String, BuildError> {
    let output = Command::new(bundle.program(Program::Kubeadm))
        .args(args)
        .output()
        .await
        .map_err(BuildError::Kubeadm)?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

async fn build_image(
    dirs: &Dirs,
    bundle: &Bundle,
    options: &NodeImageOptions,
    kubernetes_version: &Version,
    labels: Labels,
) -> Result<(), BuildError> {
    let podman = PodmanCli::new();
    let base = base_reference(&podman, bundle, options).await?;
    let context = {
        let (dirs, bundle) = (dirs.clone(), bundle.clone());
        blocking(move || lay_out(&dirs.cache, &bundle)).await?
    };
    let build = BuildOptions {
        context: context.path().to_owned(),
        tag: options.reference.clone(),
        args: BTreeMap::from([("BASE".to_owned(), base)]),
        labels,
    };
    let failed = |source| BuildError::Build { reference: options.reference.clone(), source };
    podman.build(&build).await.map_err(failed)?;
    if let Some(name) = options.reference.strip_suffix(":latest") {
        // Whoever asks for its version finds it too.
        let reference = format!("{name}:{}", tag(kubernetes_version));
        podman.tag(&options.reference, &reference).await.map_err(failed)?;
    }
    Ok(())
}

/// The base image: the one asked for, the bundle's own, or the pinned one. The last two names are
/// pulled by the build itself.
async fn base_reference(
    podman: &PodmanCli,
    bundle: &Bundle,
    options: &NodeImageOptions,
) -> Result<String, BuildError> {
    match (&options.base_image, bundle.base()) {
        (Some(named), _) => Ok(match named.as_str() {
            "debian" => kipod_images::versions::BASE_DEBIAN.to_owned(),
            "fedora" => kipod_images::versions::BASE_FEDORA.to_owned(),
            reference => reference.to_owned(),
        }),
        (None, Some(archive)) => {
            // By id: another build may give the name to another base meanwhile.
            let reference = store::BASE_REFERENCE;
            podman
                .import(&archive, reference, &[])
                .await
                .map_err(|source| BuildError::Base { reference: reference.to_owned(), source })
        }
        (None, None) => Ok(kipod_images::versions::BASE_DEBIAN.to_owned()),
    }
}

/// Lays out the build context in a folder of its own, which goes with the value returned.
fn lay_out(cache: &Path, bundle: &Bundle) -> Result<tempfile::TempDir, BuildError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::Io { path, source }
    };
    std::fs::create_dir_all(cache).map_err(io(cache))?;
    let context = tempfile::Builder::new().prefix("build-").tempdir_in(cache).map_err(io(cache))?;
    let root = context.path();
    for file in kipod_images::NODE_FILES.iter().chain([&kipod_images::NODE_PROGRAM]) {
        write(&root.join(file.path), file.contents, file.executable)?;
    }
    for program in NODE_PROGRAMS {
        copy(&bundle.program(*program), &root.join("bin").join(program.name()))?;
    }
    for plugin in bundle.cni() {
        if let Some(name) = plugin.file_name() {
            copy(&plugin, &root.join("cni").join(name))?;
        }
    }
    Ok(context)
}

fn write(path: &Path, contents: &[u8], executable: bool) -> Result<(), BuildError> {
    use std::os::unix::fs::PermissionsExt;
    let io = |source| BuildError::Io { path: path.to_owned(), source };
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(io)?;
    std::fs::write(path, contents).map_err(io)?;
    let mode = if executable { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(io)
}

/// Links where it can, copies where it must.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), BuildError> {
    let io = |source| BuildError::Io { path: to.to_owned(), source };
    std::fs::create_dir_all(to.parent().unwrap_or(to)).map_err(io)?;
    // A bundle may be made of links, and a link to a link leads nowhere from here.
    let from = std::fs::canonicalize(from)
        .map_err(|source| BuildError::Io { path: from.to_owned(), source })?;
    if std::fs::hard_link(&from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(&from, to).map_err(io)?;
    Ok(())
}
