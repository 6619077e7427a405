//! `kipod build node-image`.

use kipod_engine::{BuildNodeImage, Event, Events};

use crate::args::BuildNodeImageArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::open_with_bundle;

pub(crate) async fn run(
    args: &BuildNodeImageArgs,
    progress: &'static Progress,
) -> Result<u8, Failure> {
    let mut options = BuildNodeImage::default();
    options.reference = match (&args.image_tag, &args.k8s_version) {
        (Some(tag), _) => format!("{}:{tag}", args.image_name),
        // The version that the bundle has becomes the tag.
        (None, Some(_)) => args.image_name.clone(),
        (None, None) => format!("{}:latest", args.image_name),
    };
    options.kubernetes.clone_from(&args.k8s_version);
    options.crio.clone_from(&args.crio_version);
    options.base_image.clone_from(&args.base_image);
    let built = open_with_bundle(progress, &args.bundle)?.build_node_image(&options).await?;
    progress.send(Event::Note(format!(
        "`{}` is ready: Kubernetes {}",
        built.reference, built.kubernetes_version
    )));
    Ok(0)
}
