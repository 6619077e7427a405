//! Resolution of requested images: existence, names and platform.

use super::ImagesError;
use crate::podman::{ImageInfo, Platform, Podman};
use crate::spec::ImageReference;

/// An image under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct Wanted {
    /// The full name with registry and tag, which pods use.
    pub(in crate::actions) name: String,
    /// The image id.
    pub(in crate::actions) id: String,
}

/// Returns the platform of a node, which is that of its image.
pub(in crate::actions) async fn platform(
    podman: &dyn Podman,
    node_image: &str,
) -> Result<Option<Platform>, ImagesError> {
    let found = podman.image(node_image).await;
    let found = found.map_err(|source| ImagesError::Inspect {
        image: node_image.to_owned(),
        source: Box::new(source),
    })?;
    Ok(found.and_then(|image| image.platform))
}

/// Resolves the images of the user's store that were requested by name or id. Adds errors to `errors`.
pub(in crate::actions) async fn in_store(
    podman: &dyn Podman,
    requested: &[String],
    node: Option<&Platform>,
    errors: &mut Vec<String>,
) -> Result<Vec<Wanted>, ImagesError> {
    let mut wanted = Vec::new();
    for requested in requested {
        if let Err(error) = requested.trim_start_matches("sha256:").parse::<ImageReference>() {
            errors.push(error.to_string());
            continue;
        }
        let found = podman.image(requested).await;
        let found = found.map_err(|source| ImagesError::Inspect {
            image: requested.clone(),
            source: Box::new(source),
        })?;
        match found {
            None => errors.push(format!("image `{requested}` not found in your image store")),
            Some(image) => {
                take(requested, names(requested, &image), &image, node, &mut wanted, errors);
            }
        }
    }
    Ok(wanted)
}

/// Resolves all images of an archive.
pub(super) fn in_archive(
    images: &[ImageInfo],
    node: Option<&Platform>,
    errors: &mut Vec<String>,
) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for image in images {
        let label = image.names.first().unwrap_or(&image.id);
        take(label, image.names.clone(), image, node, &mut wanted, errors);
    }
    wanted
}

fn take(
    label: &str,
    names: Vec<String>,
    image: &ImageInfo,
    node: Option<&Platform>,
    wanted: &mut Vec<Wanted>,
    errors: &mut Vec<String>,
) {
    if let Some(error) = platform_error(label, image, node) {
        errors.push(error);
    } else if names.is_empty() {
        errors.push(format!("image `{label}` has no name, which pods require"));
    }
    for name in names {
        if !wanted.iter().any(|other| other.name == name) {
            wanted.push(Wanted { name, id: image.id.clone() });
        }
    }
}

/// Returns an error if the image is for another platform. Images without a platform are accepted.
fn platform_error(label: &str, image: &ImageInfo, node: Option<&Platform>) -> Option<String> {
    let (have, need) = (image.platform.as_ref()?, node?);
    let unknown = have.os.is_empty() || have.architecture.is_empty();
    (have != need && !unknown)
        .then(|| format!("image `{label}` is for {have}, but the nodes are {need}"))
}

/// Returns the image names that a request matches, by Podman's rules: `a` matches `localhost/a:latest` if
/// that exists, otherwise a name that ends in `/a:latest`. An id matches all names.
fn names(requested: &str, image: &ImageInfo) -> Vec<String> {
    if let Some((named, _)) = requested.split_once('@') {
        let repository = without_tag(named);
        let same = |name: &&String| {
            let other = without_tag(name);
            other == repository || other.ends_with(&format!("/{repository}"))
        };
        return image.names.iter().filter(same).cloned().collect();
    }
    let tagged = if without_tag(requested) == requested {
        format!("{requested}:latest")
    } else {
        requested.into()
    };
    let prefixes = ["", "localhost/", "docker.io/library/", "docker.io/"];
    let exact = prefixes.iter().map(|registry| format!("{registry}{tagged}"));
    let exact = exact.into_iter().find(|name| image.names.contains(name));
    let short = || image.names.iter().find(|name| name.ends_with(&format!("/{tagged}"))).cloned();
    match exact.or_else(short) {
        Some(name) => vec![name],
        None => image.names.clone(),
    }
}

fn without_tag(name: &str) -> &str {
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    name[last..].find(':').map_or(name, |colon| &name[..last + colon])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_podmans_rules() {
        let all =
            ["localhost/a:latest", "localhost/a:2", "docker.io/library/b:1", "q.io:5000/x/c:1"];
        let image = ImageInfo {
            id: "0123abcd".to_owned(),
            names: all.map(str::to_owned).to_vec(),
            labels: Default::default(),
            platform: None,
        };
        let digest = format!("a@sha256:{}", "0".repeat(64));
        for (requested, matched) in [
            ("a", &all[..1]),
            ("a:2", &all[1..2]),
            ("localhost/a:2", &all[1..2]),
            ("b:1", &all[2..3]),
            ("x/c:1", &all[3..]),
            ("q.io:5000/x/c:1", &all[3..]),
            (&digest, &all[..2]),
            ("0123", &all),
        ] {
            assert_eq!(names(requested, &image), matched, "{requested}");
        }
    }
}
