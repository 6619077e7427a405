//! `kipod build node-image`.

use kipod_engine::actions::Cancel;
use kipod_engine::bundle::{self, Arch, Bundle, DownloadEvent, Upstream, VersionRequest};
use kipod_engine::node::StorageDriver;
use kipod_engine::node_image::{
    self, BuildError, Built, DEFAULT_IMAGE, DEFAULT_NAME, NodeImageOptions,
};
use kipod_engine::plan::Machine;
use kipod_engine::{Dirs, Event, Events, Step, host};

use crate::args::{BuildNodeImageArgs, BundleArgs};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{Session, stop_on_signals};

pub(crate) async fn run(
    args: &BuildNodeImageArgs,
    progress: &'static Progress,
) -> Result<u8, Failure> {
    let dirs = Dirs::from_env()?;
    let cancel = stop_on_signals(progress)?;
    let report = host::check_cached(&dirs.runtime).await;
    let wanted = Wanted {
        kubernetes: args.k8s_version.as_deref(),
        crio: args.crio_version.as_deref(),
        bundle: &args.bundle,
        options: NodeImageOptions {
            reference: match (&args.image_tag, &args.k8s_version) {
                (Some(tag), _) => format!("{}:{tag}", args.image_name),
                // The version that is found tags it.
                (None, Some(_)) => args.image_name.clone(),
                (None, None) => format!("{}:latest", args.image_name),
            },
            // Upstream says what is `stable`, and no bundle of this machine does.
            kubernetes_version: args
                .k8s_version
                .clone()
                .filter(|version| version != "stable" || args.bundle.components.is_some()),
            base_image: args.base_image.clone(),
            storage_driver: Machine::from_facts(&report.facts).storage_driver,
        },
    };
    let built = wanted.build(&dirs, progress, &cancel).await?;
    progress.send(Event::Note(format!(
        "`{}` is ready: Kubernetes {}",
        built.reference, built.kubernetes_version
    )));
    Ok(0)
}

/// Builds the node image that a `create` did not find: the default one, or that of a version.
pub(crate) async fn missing_image(
    version: Option<&str>,
    bundle: &BundleArgs,
    storage_driver: StorageDriver,
    session: &Session<'_>,
    cancel: &Cancel,
) -> Result<Built, Failure> {
    let options = NodeImageOptions {
        // The version that is found tags it.
        reference: if version.is_some() { DEFAULT_NAME } else { DEFAULT_IMAGE }.to_owned(),
        kubernetes_version: version.map(str::to_owned),
        base_image: None,
        storage_driver,
    };
    let wanted = Wanted { kubernetes: version, crio: None, bundle, options };
    wanted.build(&session.dirs, session.progress, cancel).await
}

/// A node image as it was asked for.
struct Wanted<'a> {
    kubernetes: Option<&'a str>,
    crio: Option<&'a str>,
    bundle: &'a BundleArgs,
    options: NodeImageOptions,
}

impl Wanted<'_> {
    async fn build(
        &self,
        dirs: &Dirs,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Built, Failure> {
        let work = async {
            let bundle = self.bundle(dirs, progress).await?;
            Ok(node_image::build_node_image(dirs, progress, &bundle, &self.options).await?)
        };
        // Commands are killed as their futures are dropped; what they left half-made is cleared by
        // the next build.
        tokio::select! {
            // First, since Ctrl-C ends those commands too, and it is not they who failed.
            biased;
            () = cancel.asked() => Err(Failure::from(BuildError::Cancelled).code(130)),
            built = work => built,
        }
    }

    /// The bundle: the one that was named, else one installed on this machine, else a download.
    async fn bundle(&self, dirs: &Dirs, progress: &Progress) -> Result<Bundle, Failure> {
        let named = self.bundle.components.clone();
        if let (Some(dir), Some(version)) = (&named, self.crio) {
            return Err(Failure::new(format!(
                "`--components {}` and CRI-O `{version}` exclude each other: a local bundle has the CRI-O it has",
                dir.display()
            ))
            .code(2));
        }
        let installed = async {
            match self.kubernetes {
                _ if self.crio.is_some() || self.bundle.mirror.is_some() => None,
                Some(version) => bundle::installed(&dirs.bundles, version).await,
                None => dirs.bundles.iter().find(|dir| dir.is_dir()).cloned(),
            }
        };
        let local = match named {
            Some(dir) => Some(dir),
            None => installed.await,
        };
        if let Some(dir) = local {
            progress.send(Event::Note(format!("component bundle: `{}`", dir.display())));
            progress.send(Event::Started(Step::Verify));
            let start = std::time::Instant::now();
            let bundle = Bundle::open(dir, &dirs.cache).await?;
            progress.send(Event::Finished(Step::Verify, start.elapsed()));
            return Ok(bundle);
        }
        let upstream = match &self.bundle.mirror {
            Some(url) => Upstream::mirror(url)?,
            None => Upstream::published()?,
        };
        let kubernetes: VersionRequest =
            self.kubernetes.map(str::parse).transpose()?.unwrap_or_default();
        let crio: Option<VersionRequest> = self.crio.map(str::parse).transpose()?;
        let release = upstream.resolve(&kubernetes, crio.as_ref(), Arch::host()?).await?;
        progress.send(Event::Note(format!("component bundle: {release}")));
        progress.send(Event::Started(Step::Fetch));
        let start = std::time::Instant::now();
        let tell = |event: DownloadEvent<'_>| tell(progress, &event);
        let bundle = upstream.download(&release, &dirs.cache, &tell).await?;
        progress.send(Event::Finished(Step::Fetch, start.elapsed()));
        Ok(bundle)
    }
}

fn tell(progress: &Progress, event: &DownloadEvent<'_>) {
    match event {
        DownloadEvent::Waiting { .. } => {
            progress.send(Event::Note("another kipod fetches the same bundle: waiting".to_owned()));
        }
        DownloadEvent::Started { file, total: Some(total), .. } => {
            let size = total / 1_000_000;
            progress.send(Event::Progress(Step::Fetch, format!("{file} ({size} MB)")));
        }
        DownloadEvent::Retrying { file, cause, pause } => {
            progress.send(Event::Note(format!(
                "`{file}`: {cause}; trying again in {:.1} s",
                pause.as_secs_f64()
            )));
        }
        _ => {}
    }
}
