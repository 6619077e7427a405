//! The images that are to be loaded: whether they are there, what they are called, and whether they
//! run on the nodes.

use super::ImagesError;
use crate::podman::{ImageInfo, Platform, Podman};
use crate::spec::ImageReference;

/// An image under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct Wanted {
    /// The whole name, with registry and tag: under this one pods find it.
    pub(in crate::actions) name: String,
    /// Its id.
    pub(in crate::actions) id: String,
}

/// The platform of a node, by its image.
pub(in crate::actions) async fn platform(
    podman: &dyn Podman,
    node_image: &str,
) -> Result<Option<Platform>, ImagesError> {
    let found = podman.image(node_image).await;
    let found = found.map_err(|source| ImagesError::Look {
        image: node_image.to_owned(),
        source: Box::new(source),
    })?;
    Ok(found.and_then(|image| image.platform))
}

/// Those of the user's own store that were asked for by name or id. What is wrong with any of them goes
/// to `faults`.
pub(in crate::actions) async fn in_store(
    podman: &dyn Podman,
    asked: &[String],
    node: Option<&Platform>,
    faults: &mut Vec<String>,
) -> Result<Vec<Wanted>, ImagesError> {
    let mut wanted = Vec::new();
    for asked in asked {
        if let Err(error) = asked.trim_start_matches("sha256:").parse::<ImageReference>() {
            faults.push(error.to_string());
            continue;
        }
        let found = podman.image(asked).await;
        let found = found.map_err(|source| ImagesError::Look {
            image: asked.clone(),
            source: Box::new(source),
        })?;
        match found {
            None => faults.push(format!("there is no image `{asked}` in your store")),
            Some(image) => take(asked, names(asked, &image), &image, node, &mut wanted, faults),
        }
    }
    Ok(wanted)
}

/// All images of an archive.
pub(super) fn in_archive(
    images: &[ImageInfo],
    node: Option<&Platform>,
    faults: &mut Vec<String>,
) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for image in images {
        let called = image.names.first().unwrap_or(&image.id);
        take(called, image.names.clone(), image, node, &mut wanted, faults);
    }
    wanted
}

fn take(
    called: &str,
    names: Vec<String>,
    image: &ImageInfo,
    node: Option<&Platform>,
    wanted: &mut Vec<Wanted>,
    faults: &mut Vec<String>,
) {
    if let Some(fault) = other_platform(called, image, node) {
        faults.push(fault);
    } else if names.is_empty() {
        faults.push(format!("image `{called}` has no name, and pods find images by name only"));
    }
    for name in names {
        if !wanted.iter().any(|other| other.name == name) {
            wanted.push(Wanted { name, id: image.id.clone() });
        }
    }
}

/// Why an image cannot run on nodes of that platform. One that does not say what it runs on may.
fn other_platform(called: &str, image: &ImageInfo, node: Option<&Platform>) -> Option<String> {
    let (have, need) = (image.platform.as_ref()?, node?);
    let unknown = have.os.is_empty() || have.architecture.is_empty();
    (have != need && !unknown)
        .then(|| format!("image `{called}` is for {have}, and the nodes are {need}"))
}

/// Which of an image's names were meant. As Podman reads them: `a` is `localhost/a:latest` if there is
/// that, or the name that ends so. An id means all names.
fn names(asked: &str, image: &ImageInfo) -> Vec<String> {
    if let Some((named, _)) = asked.split_once('@') {
        let repository = without_tag(named);
        let same = |name: &&String| {
            let other = without_tag(name);
            other == repository || other.ends_with(&format!("/{repository}"))
        };
        return image.names.iter().filter(same).cloned().collect();
    }
    let tagged = if without_tag(asked) == asked { format!("{asked}:latest") } else { asked.into() };
    let whole = ["", "localhost/", "docker.io/library/", "docker.io/"];
    let exact = whole.iter().map(|registry| format!("{registry}{tagged}"));
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
    fn a_name_means_what_podman_takes_it_for() {
        let all =
            ["localhost/a:latest", "localhost/a:2", "docker.io/library/b:1", "q.io:5000/x/c:1"];
        let image = ImageInfo {
            id: "0123abcd".to_owned(),
            names: all.map(str::to_owned).to_vec(),
            labels: Default::default(),
            platform: None,
        };
        let digest = format!("a@sha256:{}", "0".repeat(64));
        for (asked, meant) in [
            ("a", &all[..1]),
            ("a:2", &all[1..2]),
            ("localhost/a:2", &all[1..2]),
            ("b:1", &all[2..3]),
            ("x/c:1", &all[3..]),
            ("q.io:5000/x/c:1", &all[3..]),
            (&digest, &all[..2]),
            ("0123", &all),
        ] {
            assert_eq!(names(asked, &image), meant, "{asked}");
        }
    }
}
