//! Component bundles that are installed on this host, by their Kubernetes version.

use std::path::{Path, PathBuf};

use super::layout::Program;
use crate::kubernetes::Version;
use crate::podman::Command;

/// Returns the directory of the installed bundle with the newest Kubernetes that matches `wanted` (`1.35`,
/// `v1.35.6`). Searches `places` and their siblings whose name starts with the place's name and a dash,
/// such as `components-1.35` next to `components`. Earlier places win over later ones with the same
/// version.
///
/// A bundle whose kubeadm does not run matches by its name. [`Bundle::open`](super::Bundle::open) reports
/// its errors.
pub async fn find_installed(places: &[PathBuf], wanted: &Version) -> Option<PathBuf> {
    let mut best: Option<(Version, PathBuf)> = None;
    let mut best_by_name = None;
    for dir in places.iter().flat_map(|place| directories(place)) {
        match kubernetes_version(&dir).await {
            Some(version) => {
                let is_newer = best.as_ref().is_none_or(|(best, _)| version > *best);
                if wanted.matches(&version) && is_newer {
                    best = Some((version, dir));
                }
            }
            None if has_name(&dir, wanted) => best_by_name = best_by_name.or(Some(dir)),
            None => {}
        }
    }
    best.map(|(_, dir)| dir).or(best_by_name)
}

/// Returns the directory at a place, and its siblings sorted by name.
fn directories(place: &Path) -> Vec<PathBuf> {
    let siblings = || Some((place.parent()?, format!("{}-", place.file_name()?.to_str()?)));
    let mut found: Vec<PathBuf> = siblings()
        .into_iter()
        .flat_map(|(parent, prefix)| {
            let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
            entries
                .filter(move |entry| entry.file_name().to_string_lossy().starts_with(&prefix))
                .map(|entry| entry.path())
        })
        .collect();
    found.sort();
    found.insert(0, place.to_owned());
    found.retain(|path| path.is_dir());
    found
}

/// Returns whether the directory's name ends with the version.
fn has_name(dir: &Path, wanted: &Version) -> bool {
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let version = name.rsplit_once('-').map_or("", |(_, version)| version);
    version.parse().is_ok_and(|version: Version| version == *wanted)
}

/// Returns the version that the bundle's kubeadm prints.
async fn kubernetes_version(dir: &Path) -> Option<Version> {
    let kubeadm = Command::new(dir.join(Program::Kubeadm.path()));
    let output = kubeadm.args(["version", "-o", "short"]).output().await.ok()?;
    let version: Version = String::from_utf8_lossy(&output).trim().parse().ok()?;
    version.is_complete().then_some(version)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Creates a bundle that contains only a kubeadm, which prints `version`.
    fn bundle(root: &Path, name: &str, version: &str) {
        let bin = root.join(name).join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let kubeadm = bin.join("kubeadm");
        std::fs::write(&kubeadm, format!("#!/bin/sh\necho {version}\n")).unwrap();
        std::fs::set_permissions(&kubeadm, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn newest_matching_bundle_is_found() {
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
        ] {
            let found = found.map(|path| root.join(path));
            let wanted = wanted.parse().unwrap();
            assert_eq!(find_installed(&places, &wanted).await, found, "{wanted}");
        }
    }
}
