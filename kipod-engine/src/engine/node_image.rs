//! Finding the node image of a cluster, and building it where it is missing.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::{Engine, Error};
use crate::events::Events;
use crate::kubernetes::Version;
use crate::node_image::{
    DEFAULT_IMAGE, DEFAULT_NAME, NodeImageError, newest_of_version, node_image, version_tag,
};
use crate::podman::{PodmanCli, StorageDriver};
use crate::spec::ImageReference;
use crate::util::variable;

/// The source of component bundles, from which missing node images are built.
///
/// ```no_run
/// use kipod_engine::{Engine, NodeImageSource};
///
/// # async fn example() -> Result<(), kipod_engine::Error> {
/// let mut source = NodeImageSource::default();
/// source.components = Some("/srv/kipod/components".into());
/// let engine = Engine::builder().node_image_source(source).connect().await?;
/// # let _ = engine;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeImageSource {
    /// A local component bundle, in place of an installed one or a download.
    pub components: Option<PathBuf>,
    /// A server with upstream's releases in upstream's layout, in place of upstream itself.
    pub mirror: Option<String>,
}

impl NodeImageSource {
    /// Reads `KIPOD_COMPONENTS` and `KIPOD_MIRROR`. An empty value counts as not set.
    pub fn from_env() -> Self {
        Self {
            components: variable("KIPOD_COMPONENTS").map(PathBuf::from),
            mirror: variable("KIPOD_MIRROR").map(|url| url.to_string_lossy().into_owned()),
        }
    }
}

impl Engine {
    /// Returns the node image of a creation: `image`, or the newest of the Kubernetes `version`. Only
    /// the default image and images of a version are built where they are missing.
    pub(super) async fn find_node_image(
        &self,
        image: &ImageReference,
        version: Option<&Version>,
        driver: StorageDriver,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Result<ImageReference, Error> {
        let reference = match version {
            Some(version) => self.image_of_version(version).await?,
            None => image.to_string(),
        };
        let podman = self.podman().await?;
        let error = match node_image(podman, &reference, &self.dirs().data, driver).await {
            Ok(_) => return Ok(reference.parse().unwrap_or_else(|_| image.clone())),
            Err(error) => error,
        };
        let can_be_built = matches!(
            error,
            NodeImageError::NotFound { .. }
                | NodeImageError::NoStore { .. }
                | NodeImageError::OtherRevision { .. }
        );
        let is_ours = version.is_some() || *image == ImageReference::default();
        if !(can_be_built && is_ours) {
            return Err(error.into());
        }
        self.build_missing(error, version, driver, events, cancel).await
    }

    /// Returns whether the default node image has a Kubernetes version.
    pub(super) async fn default_image_is(
        &self,
        version: &Version,
        driver: StorageDriver,
    ) -> Result<bool, Error> {
        let dir = &self.dirs().data;
        let found = node_image(self.podman().await?, DEFAULT_IMAGE, dir, driver).await;
        Ok(found.is_ok_and(|image| version.matches(&image.kubernetes_version)))
    }

    /// Returns the newest node image of a version, or the name that a new one gets.
    async fn image_of_version(&self, version: &Version) -> Result<String, Error> {
        let all = PodmanCli::new().references().await?;
        let found = newest_of_version(&all, version)?;
        Ok(found.map_or_else(|| format!("{DEFAULT_NAME}:{}", version_tag(version)), str::to_owned))
    }

    #[cfg(not(feature = "build"))]
    async fn build_missing(
        &self,
        missing: NodeImageError,
        _version: Option<&Version>,
        _driver: StorageDriver,
        _events: &dyn Events,
        _cancel: &CancellationToken,
    ) -> Result<ImageReference, Error> {
        Err(missing.into())
    }

    #[cfg(feature = "build")]
    async fn build_missing(
        &self,
        missing: NodeImageError,
        version: Option<&Version>,
        driver: StorageDriver,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Result<ImageReference, Error> {
        use crate::events::Event;

        events.send(Event::Note(format!("{missing}: building it first")));
        let options = BuildNodeImage {
            kubernetes: version.cloned().map(Into::into),
            // The version that the bundle has becomes the tag.
            reference: if version.is_some() { DEFAULT_NAME } else { DEFAULT_IMAGE }.to_owned(),
            ..BuildNodeImage::default()
        };
        let built = build::run(self, &options, driver, events, cancel).await?;
        built
            .reference
            .parse()
            .map_err(|_| NodeImageError::NotFound { reference: built.reference }.into())
    }
}

#[cfg(feature = "build")]
pub use build::{BuildNodeImage, BuiltNodeImage};

#[cfg(feature = "build")]
mod build {
    //! Building a node image from a component bundle.

    use std::path::Path;

    use tokio_util::sync::CancellationToken;

    use crate::bundle::{self, Arch, Bundle, BundleError, DownloadEvent, Upstream, VersionRequest};
    use crate::engine::{Engine, Error};
    use crate::events::{Event, Events, Step, step};
    use crate::host;
    pub use crate::node_image::BuiltNodeImage;
    use crate::node_image::{BuildError, DEFAULT_IMAGE, NodeImageOptions, build_node_image};
    use crate::plan::Machine;
    use crate::podman::StorageDriver;

    /// The options of a node image build, for [`Engine::build_node_image`].
    ///
    /// ```no_run
    /// use kipod_engine::{BuildNodeImage, Engine, Version};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = Engine::connect().await?;
    /// let version: Version = "1.36".parse()?;
    /// let mut options = BuildNodeImage::default();
    /// options.reference = "localhost/kipod-node".to_owned();
    /// options.kubernetes = Some(version.into());
    /// options.base_image = Some("fedora".to_owned());
    /// let built = engine.build_node_image(&options).await?;
    /// println!("built `{}` with Kubernetes {}", built.reference, built.kubernetes_version);
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct BuildNodeImage {
        /// The image's reference. Without a tag, the Kubernetes version becomes the tag.
        /// Default: `localhost/kipod-node:latest`.
        pub reference: String,
        /// The Kubernetes version. Default: that of the configured or installed component bundle, or the
        /// version that kipod is tested with.
        pub kubernetes: Option<VersionRequest>,
        /// The CRI-O version. Default: the newest of the same minor version.
        pub crio: Option<VersionRequest>,
        /// The base image: `debian`, `fedora` or a reference. Default: the bundle's own, or Debian.
        pub base_image: Option<String>,
    }

    impl Default for BuildNodeImage {
        fn default() -> Self {
            Self {
                reference: DEFAULT_IMAGE.to_owned(),
                kubernetes: None,
                crio: None,
                base_image: None,
            }
        }
    }

    impl Engine {
        /// Builds a node image and its image store from the engine's
        /// [`NodeImageSource`](crate::NodeImageSource).
        ///
        /// # Errors
        ///
        /// When the bundle cannot be had or used, or Podman fails. Nothing half-made is left.
        pub async fn build_node_image(
            &self,
            options: &BuildNodeImage,
        ) -> Result<BuiltNodeImage, Error> {
            let report = host::check_cached(&self.dirs().runtime).await;
            let driver = Machine::from_facts(&report.facts).storage_driver;
            run(self, options, driver, &*self.inner.events, &self.inner.cancel).await
        }
    }

    pub(super) async fn run(
        engine: &Engine,
        options: &BuildNodeImage,
        driver: StorageDriver,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Result<BuiltNodeImage, Error> {
        let image = NodeImageOptions {
            reference: options.reference.clone(),
            kubernetes_version: match &options.kubernetes {
                Some(VersionRequest::Version(version)) => Some(version.clone()),
                _ => None,
            },
            base_image: options.base_image.clone(),
            storage_driver: driver,
        };
        let work = async {
            let bundle = open_bundle(engine, options, events).await?;
            Ok(build_node_image(engine.dirs(), events, &bundle, &image).await?)
        };
        // Child processes are killed with their futures; the next build clears what they left.
        tokio::select! {
            // First: Ctrl-C ends the child processes too, and the cancellation is the cause.
            biased;
            () = cancel.cancelled() => Err(BuildError::Cancelled.into()),
            built = work => built,
        }
    }

    /// Opens the bundle: the configured one, else an installed one, else a download.
    async fn open_bundle(
        engine: &Engine,
        options: &BuildNodeImage,
        events: &dyn Events,
    ) -> Result<Bundle, Error> {
        let source = &engine.inner.node_image_source;
        let dirs = engine.dirs();
        if let Some(dir) = &source.components {
            check_conflicts(dir, options)?;
        }
        let local = match (&source.components, &options.kubernetes) {
            (Some(dir), _) => Some(dir.clone()),
            (None, _) if options.crio.is_some() || source.mirror.is_some() => None,
            (None, Some(VersionRequest::Version(version))) => {
                bundle::find_installed(&dirs.bundles, version).await
            }
            // Upstream resolves `stable`.
            (None, Some(_)) => None,
            (None, None) => dirs.bundles.iter().find(|dir| dir.is_dir()).cloned(),
        };
        if let Some(dir) = local {
            events.send(Event::Note(format!("component bundle: `{}`", dir.display())));
            return Ok(step(events, Step::Verify, Bundle::open(dir, &dirs.cache)).await?);
        }
        let upstream = match &source.mirror {
            Some(url) => Upstream::mirror(url)?,
            None => Upstream::published()?,
        };
        let kubernetes = options.kubernetes.clone().unwrap_or_default();
        let arch = Arch::host().map_err(BundleError::from)?;
        let release = upstream.resolve(&kubernetes, options.crio.as_ref(), arch).await?;
        events.send(Event::Note(format!("component bundle: {release}")));
        let report = |event: DownloadEvent<'_>| report(events, &event);
        Ok(step(events, Step::Fetch, upstream.download(&release, &dirs.cache, &report)).await?)
    }

    /// Refuses versions that the configured bundle decides.
    fn check_conflicts(dir: &Path, options: &BuildNodeImage) -> Result<(), Error> {
        let (product, version) = match (&options.kubernetes, &options.crio) {
            (_, Some(version)) => ("CRI-O", version),
            (Some(version @ VersionRequest::Stable), None) => ("Kubernetes", version),
            _ => return Ok(()),
        };
        Err(Error::Conflict(format!(
            "{product} `{version}` cannot be combined with the component bundle `{}`, which has its own {product}",
            dir.display()
        )))
    }

    fn report(events: &dyn Events, event: &DownloadEvent<'_>) {
        match event {
            DownloadEvent::Waiting { .. } => {
                let text = "waiting for another process that downloads the same bundle";
                events.send(Event::Note(text.to_owned()));
            }
            DownloadEvent::Started { file, total: Some(total), .. } => {
                let text = format!("{file} ({} MB)", total / 1_000_000);
                events.send(Event::Progress(Step::Fetch, text));
            }
            DownloadEvent::Retrying { file, cause, backoff } => {
                let seconds = backoff.as_secs_f64();
                let text = format!("`{file}`: {cause}; retrying in {seconds:.1} s");
                events.send(Event::Note(text));
            }
            _ => {}
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn configured_bundle_decides_crio_and_refuses_stable() {
            let check = |kubernetes: Option<&str>, crio: Option<&str>| {
                let parse = |text: Option<&str>| text.map(|text| text.parse().unwrap());
                let options = BuildNodeImage {
                    kubernetes: parse(kubernetes),
                    crio: parse(crio),
                    ..BuildNodeImage::default()
                };
                check_conflicts(Path::new("/b"), &options).err().map(|error| error.to_string())
            };
            let conflict = |product: &str, version: &str| {
                Some(format!(
                    "{product} `{version}` cannot be combined with the component bundle `/b`, which has its own {product}"
                ))
            };
            assert_eq!(check(None, None), None);
            assert_eq!(check(Some("1.36"), None), None);
            assert_eq!(check(Some("stable"), None), conflict("Kubernetes", "stable"));
            assert_eq!(check(Some("1.36"), Some("1.36.3")), conflict("CRI-O", "v1.36.3"));
        }
    }
}
