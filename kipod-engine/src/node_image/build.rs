//! The build of a node image and its image store from a component bundle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::addon_images::STORAGE;
use super::build_error::BuildError;
use super::files::{FileError, copy, write};
use super::info::label;
use super::layout::store_dir;
use super::reference::version_tag;
use super::store;
use crate::bundle::{Bundle, ImageProgram, Program};
use crate::events::{Event, Events, Step, step};
use crate::kubernetes::Version;
use crate::podman::{BuildOptions, Command, Labels, PodmanCli, StorageDriver};
use crate::util::blocking;
use crate::util::dirs::Dirs;

/// The programs of a node, in `/usr/local/bin`.
const NODE_PROGRAMS: &[Program] = Program::ALL;

/// The script of a node image that runs one container with the image's programs.
const CHECK_RUNTIME: &str = "/usr/local/lib/kipod/check-runtime";

/// Options of a node image build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeImageOptions {
    /// The image's reference, such as `localhost/kipod-node:latest`. Without a tag, the Kubernetes
    /// version becomes the tag.
    pub reference: String,
    /// The required Kubernetes version, such as `1.36` or `v1.36.2`; `None` accepts that of the bundle.
    pub kubernetes_version: Option<Version>,
    /// The reference of the base image. `None` uses the bundle's own root file system, or if it has
    /// none, the pinned Debian image.
    pub base_image: Option<String>,
    /// The storage driver of the image store: that of the nodes on this host.
    pub storage_driver: StorageDriver,
}

/// The result of a node image build.
///
/// ```no_run
/// use kipod_engine::{BuildNodeImage, ClusterSpec, Engine};
///
/// # async fn example(engine: Engine) -> Result<(), Box<dyn std::error::Error>> {
/// let built = engine.build_node_image(&BuildNodeImage::default()).await?;
/// println!("Kubernetes {}, images in {}", built.kubernetes_version, built.image_store.display());
/// let spec = ClusterSpec::builder("demo").image(built.reference.parse()?).build()?;
/// # let _ = spec;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltNodeImage {
    /// The image's reference.
    pub reference: String,
    /// Its Kubernetes version.
    pub kubernetes_version: Version,
    /// The directory of its image store.
    pub image_store: PathBuf,
}

/// Builds a node image and fills its image store.
///
/// The image has one layer on top of its base. All clusters of the image share the store, and another
/// build from the same bundle reuses it.
///
/// # Errors
///
/// When the bundle has another Kubernetes version than the requested one, or a step fails.
pub async fn build_node_image(
    dirs: &Dirs,
    events: &dyn Events,
    bundle: &Bundle,
    options: &NodeImageOptions,
) -> Result<BuiltNodeImage, BuildError> {
    let kubernetes_version: Version =
        kubeadm(bundle, &["version", "-o", "short"]).await?.trim().parse()?;
    kubernetes_version.check_supported()?;
    if let Some(requested) = &options.kubernetes_version
        && !requested.matches(&kubernetes_version)
    {
        return Err(BuildError::OtherVersion {
            dir: bundle.dir().to_owned(),
            found: Box::new(kubernetes_version),
            requested: Box::new(requested.clone()),
        });
    }
    let reference = match options.reference.rsplit('/').next() {
        Some(last) if last.contains(':') => options.reference.clone(),
        _ => format!("{}:{}", options.reference, version_tag(&kubernetes_version)),
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
            "the component bundle does not contain `local-path-provisioner` and `busybox`: clusters will not have a default StorageClass".to_owned(),
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
    Ok(BuiltNodeImage { reference: options.reference.clone(), kubernetes_version, image_store })
}

/// Runs the kubeadm of the bundle and returns its output.
async fn kubeadm(bundle: &Bundle, args: &[&str]) -> Result<String, BuildError> {
    let output = Command::new(bundle.program(Program::Kubeadm))
        .args(args)
        .output()
        .await
        .map_err(BuildError::Kubeadm)?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// Builds the image. It gets its name after its programs have run a container.
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
        blocking(move || build_context(&dirs.cache, &bundle)).await?
    };
    let build = BuildOptions {
        context: context.path().to_owned(),
        tag: None,
        args: BTreeMap::from([("BASE".to_owned(), base)]),
        labels,
    };
    let failed = |source| BuildError::Build { reference: options.reference.clone(), source };
    let id = podman.build(&build).await.map_err(failed)?;
    if let Err(source) = podman.run_privileged(&id, &[CHECK_RUNTIME]).await {
        // The error matters more than an image without a name, which `podman image prune` removes.
        let _ = podman.remove_image(&id).await;
        return Err(BuildError::Runtime { dir: bundle.dir().to_owned(), source });
    }
    podman.tag(&id, &options.reference).await.map_err(failed)?;
    if let Some(name) = options.reference.strip_suffix(":latest") {
        // `latest` is also the image of its version.
        let reference = format!("{name}:{}", version_tag(kubernetes_version));
        podman.tag(&options.reference, &reference).await.map_err(failed)?;
    }
    Ok(())
}

/// Returns the base image: the requested one, the bundle's own, or the pinned one. The build pulls the
/// first and the last if necessary.
async fn base_reference(
    podman: &PodmanCli,
    bundle: &Bundle,
    options: &NodeImageOptions,
) -> Result<String, BuildError> {
    match (&options.base_image, bundle.base()) {
        (Some(base), _) => Ok(match base.as_str() {
            "debian" => kipod_images::versions::BASE_DEBIAN.to_owned(),
            "fedora" => kipod_images::versions::BASE_FEDORA.to_owned(),
            reference => reference.to_owned(),
        }),
        (None, Some(archive)) => {
            // By id, since a parallel build may assign the name to another base.
            let reference = store::BASE_REFERENCE;
            podman
                .import(&archive, reference, &[])
                .await
                .map_err(|source| BuildError::Base { reference: reference.to_owned(), source })
        }
        (None, None) => Ok(kipod_images::versions::BASE_DEBIAN.to_owned()),
    }
}

/// Creates the build context in a temporary directory.
fn build_context(cache: &Path, bundle: &Bundle) -> Result<tempfile::TempDir, FileError> {
    std::fs::create_dir_all(cache).map_err(FileError::of(cache))?;
    let context = tempfile::Builder::new()
        .prefix("build-")
        .tempdir_in(cache)
        .map_err(FileError::of(cache))?;
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
