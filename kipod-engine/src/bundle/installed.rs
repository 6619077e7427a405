//! Component bundles that are installed on this machine, by the Kubernetes they have.

use std::path::{Path, PathBuf};

use super::Program;
use crate::kubernetes::Version;
use crate::podman::Command;

/// The folder of the bundle that has the newest Kubernetes of those that `wanted` asks for (`1.35`,
/// `v1.35.6`), at one of `places` or beside it, where its name begins with the place's own and a dash:
/// `components-1.35` beside `components`. Of equal ones the first place's. `None` where there is none.
///
/// A bundle whose kubeadm cannot be asked counts by its name, and checking it says what is wrong.
pub async fn installed(places: &[PathBuf], wanted: &str) -> Option<PathBuf> {
    let wanted: Version = wanted.parse().ok()?;
    let mut best: Option<(Version, PathBuf)> = None;
    let mut nameless = None;
    for folder in places.iter().flat_map(|place| folders(place)) {
        match kubernetes(&folder).await {
            Some(version) => {
                let newer = best.as_ref().is_none_or(|(best, _)| version > *best);
                if wanted.matches(&version) && newer {
                    best = Some((version, folder));
                }
            }
            None if is_named(&folder, &wanted) => nameless = nameless.or(Some(folder)),
            None => {}
        }
    }
    best.map(|(_, folder)| folder).or(nameless)
}

/// The folder at a place, and those beside it, by name.
fn folders(place: &Path) -> Vec<PathBuf> {
    let beside = || Some((place.parent()?, format!("{}-", place.file_name()?.to_str()?)));
    let mut found: Vec<PathBuf> = beside()
        .into_iter()
        .flat_map(|(folder, start)| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries
                .filter(move |entry| entry.file_name().to_string_lossy().starts_with(&start))
                .map(|entry| entry.path())
        })
        .collect();
    found.sort();
    found.insert(0, place.to_owned());
    found.retain(|folder| folder.is_dir());
    found
}

fn is_named(folder: &Path, wanted: &Version) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let version = name.rsplit_once('-').map_or("", |(_, version)| version);
    version.parse().is_ok_and(|version: Version| version == *wanted)
}

/// The Kubernetes of a bundle, as its kubeadm says.
async fn kubernetes(folder: &Path) -> Option<Version> {
    let kubeadm = Command::new(folder.join(Program::Kubeadm.path()));
    let output = kubeadm.args(["version", "-o", "short"]).output().await.ok()?;
    let version: Version = String::from_utf8_lossy(&output).trim().parse().ok()?;
    version.is_complete().then_some(version)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A bundle of which only kubeadm is there, and says that it has `version`.
    fn bundle(root: &Path, name: &str, version: &str) {
        let bin = root.join(name).join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let kubeadm = bin.join("kubeadm");
        std::fs::write(&kubeadm, format!("#!/bin/sh\necho {version}\n")).unwrap();
        std::fs::set_permissions(&kubeadm, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn the_newest_that_fits_is_found_wherever_it_is() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for (name, version) in [
            ("mine/components", "v1.36.2"),
            ("mine/components-old", "v1.35.1"),
            ("all/components", "v1.36.2"),
            ("all/components-1.35", "v1.35.6"),
            ("all/components-1.34", "no version"),
            ("all/others", "v1.33.0"),
        ] {
            bundle(root, name, version);
        }
        let places = ["none/components", "mine/components", "all/components"];
        let places = places.map(|place| root.join(place));
        for (wanted, found) in [
            ("1.36", Some("mine/components")),
            ("v1.36.2", Some("mine/components")),
            ("1.35", Some("all/components-1.35")),
            ("1.35.1", Some("mine/components-old")),
            ("1.34", Some("all/components-1.34")),
            ("1.33", None),
            ("1.36.3", None),
            ("stable", None),
        ] {
            let found = found.map(|path| root.join(path));
            assert_eq!(installed(&places, wanted).await, found, "{wanted}");
        }
    }
}
