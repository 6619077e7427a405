//! `kipod build node-image`.

use kipod_engine::{BuildNodeImage, Event, Events, Hint, VersionRequest};

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
    options.kubernetes = version("--k8s-version", args.k8s_version.as_deref())?;
    options.crio = version("--crio-version", args.crio_version.as_deref())?;
    options.base_image.clone_from(&args.base_image);
    let built = open_with_bundle(progress, &args.bundle)?.build_node_image(&options).await?;
    progress.send(Event::Note(format!(
        "`{}` is ready: Kubernetes {}",
        built.reference, built.kubernetes_version
    )));
    Ok(0)
}

/// Parses the version of a flag.
fn version(flag: &str, text: Option<&str>) -> Result<Option<VersionRequest>, Failure> {
    text.map(str::parse::<VersionRequest>)
        .transpose()
        .map_err(|error| Failure::usage(format!("{flag}: {error}")).hint(error.hint()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_that_is_none_is_a_usage_error() {
        assert_eq!(version("--k8s-version", None).unwrap(), None);
        let parsed = version("--k8s-version", Some("1.36")).unwrap().unwrap();
        assert_eq!(parsed.to_string(), "v1.36");
        let failure = version("--crio-version", Some("newest")).unwrap_err();
        let failure = format!("{failure:?}");
        assert!(failure.contains("--crio-version: `newest` is not a version"), "{failure}");
        assert!(failure.contains("or `stable` for the newest release"), "{failure}");
        assert!(failure.contains("code: 2"), "{failure}");
    }
}
