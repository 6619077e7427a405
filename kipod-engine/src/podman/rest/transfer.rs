//! Transfer of images from the user's store, or from an archive, to another store.

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::archive::{self, Listing};
use super::client::Client;
use crate::podman::api::{Archive, ImageInfo, ImageStore, Labels, Platform, PodmanError};
use crate::podman::cli::{PodmanCli, parse};
use crate::util::blocking;

/// Copies an image by name. Its id and digest stay the same.
pub(super) async fn copy(
    client: &Client,
    name: &str,
    from: Option<&ImageStore>,
    to: &ImageStore,
) -> Result<(), PodmanError> {
    let source = match (from, client.remote_url()) {
        (Some(store), _) => store.clone(),
        (None, None) => user_store().await?,
        // The files of a remote service may not be accessible.
        (None, Some(_)) => return copy_by_archive(client, name, to).await,
    };
    let source = store_reference(name, &source)?;
    let (podman, _) = prepare(to)?;
    podman.pull(&source).await
}

/// Returns the reference of an image in a store, as in containers-transports(5).
fn store_reference(name: &str, store: &ImageStore) -> Result<String, PodmanError> {
    for path in [&store.root, &store.runroot] {
        // These characters cannot be quoted.
        if let Some(found) = path.to_string_lossy().chars().find(|c| "+:]".contains(*c)) {
            return Err(PodmanError::Operation {
                action: format!("copy `{name}` from the store `{}`", store.root.display()),
                message: format!(
                    "podman cannot address a store with `{found}` in a path, as in `{}`",
                    path.display()
                ),
            });
        }
    }
    let (root, runroot) = (store.root.display(), store.runroot.display());
    Ok(format!("containers-storage:[{}@{root}+{runroot}]{name}", store.driver))
}

/// Returns the `podman` command for a store, and its directory for temporary files. Files that a killed
/// Podman leaves there are removed with the next use of the store, or with the store itself.
fn prepare(store: &ImageStore) -> Result<(PodmanCli, PathBuf), PodmanError> {
    let tmp = store.root.join("tmp");
    let _ = std::fs::remove_dir_all(&tmp);
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&tmp);
    created.map_err(|error| failed("create", &tmp, &error))?;
    forget_containers(&store.root).map_err(|error| failed("clear", &store.root, &error))?;
    Ok((PodmanCli::new().in_store(store.clone()).with_tmp(tmp.clone()), tmp))
}

/// Removes Podman's database of the containers of a store, of which there are none. The database contains
/// the runroot, and Podman would refuse another one when the user's runtime directory changes.
fn forget_containers(root: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "libpod" {
            std::fs::remove_dir_all(entry.path())?;
        } else if name.to_string_lossy().starts_with("db.sql") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn failed(action: &str, path: &Path, error: &dyn std::fmt::Display) -> PodmanError {
    PodmanError::Operation {
        action: format!("{action} `{}`", path.display()),
        message: error.to_string(),
    }
}

/// Copies an image from the store of a remote service by an archive. Its digest changes, its id does not.
async fn copy_by_archive(client: &Client, name: &str, to: &ImageStore) -> Result<(), PodmanError> {
    let (podman, tmp) = prepare(to)?;
    let archive = tmp.join("archive");
    let save = client
        .command()
        .args(["save", "--quiet", "--format", "docker-archive", "--output"])
        .arg(&archive)
        .arg(name);
    podman.output(save).await?;
    podman.load(&archive).await?;
    std::fs::remove_file(&archive).map_err(|error| failed("remove", &archive, &error))
}

/// Returns the user's own image store.
async fn user_store() -> Result<ImageStore, PodmanError> {
    let info = PodmanCli::new().info().await?;
    let driver = match info.store_driver.as_str() {
        "vfs" => "vfs",
        "overlay" => "overlay",
        other => {
            return Err(PodmanError::Operation {
                action: "read your image store".to_owned(),
                message: format!(
                    "unsupported storage driver `{other}`: kipod supports `overlay` and `vfs`"
                ),
            });
        }
    };
    Ok(ImageStore { root: info.store_root, runroot: info.store_runroot, driver })
}

/// Loads an archive into an empty store and returns all its images.
pub(super) async fn load(
    archive: &Archive,
    store: &ImageStore,
) -> Result<Vec<ImageInfo>, PodmanError> {
    // The images will be copied from this store.
    store_reference("IMAGE", store)?;
    let (podman, tmp) = prepare(store)?;
    let path = local_file(archive, tmp.join("archive")).await?;
    let read = path.clone();
    let listing = blocking(move || Listing::read(&read)).await;
    let unusable = |reason: &dyn std::fmt::Display| failed("read", &path, reason);
    if let Ok(listing) = &listing {
        listing.require_different_names().map_err(|reason| unusable(&reason))?;
    }
    match podman.load(&path).await {
        // Podman loads each of several images only by its name.
        Err(PodmanError::Command(error)) if error.output_contains("more than one image in oci") => {
            let listing = listing.as_ref().map_err(|error| unusable(error))?;
            // The path in such a reference must not contain a colon.
            let local = tmp.join("linked");
            std::os::unix::fs::symlink(&path, &local)
                .map_err(|error| failed("create", &local, &error))?;
            let transport = listing.format.transport();
            for name in listing.names().map_err(|reason| unusable(&reason))? {
                podman.pull(&format!("{transport}:{}:{name}", local.display())).await?;
            }
        }
        loaded => drop(loaded?),
    }
    let images = all_images(&podman).await?;
    // Without a list, such as of another format, Podman's result is all there is.
    let listed = listing.map_or(images.len(), |listing| listing.count());
    if images.len() < listed {
        let loaded = images.len();
        return Err(unusable(&format!("podman loaded {loaded} of its {listed} images")));
    }
    Ok(images)
}

/// Returns the file of an archive. `local` is where standard input is saved, and directories are packed.
async fn local_file(archive: &Archive, local: PathBuf) -> Result<PathBuf, PodmanError> {
    let file = local.clone();
    match archive {
        Archive::File(path) if path.is_dir() => {
            let directory = path.clone();
            let packed = blocking(move || archive::pack(&directory, &file)).await;
            packed.map_err(|error| failed("read", path, &error))?;
        }
        Archive::File(path) => return Ok(path.clone()),
        Archive::Stdin => {
            let save = move || {
                let mut options = std::fs::OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(file)?;
                std::io::copy(&mut std::io::stdin(), &mut file)
            };
            let saved = blocking(save).await;
            saved.map_err(|error| failed("save standard input as", &local, &error))?;
        }
    }
    Ok(local)
}

/// Returns all images of a store.
async fn all_images(podman: &PodmanCli) -> Result<Vec<ImageInfo>, PodmanError> {
    let ids = podman.command().args(["images", "--all", "--quiet", "--no-trunc"]);
    let mut ids: Vec<String> =
        podman.text(ids).await?.lines().map(|id| id.trim().to_owned()).collect();
    // The list has an entry for each name of an image.
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let inspect = podman.command().args(["image", "inspect"]).args(&ids);
    let printed = podman.output(inspect).await?;
    let images: Vec<InspectedImage> = parse(&printed, "inspect the images of the archive")?;
    Ok(images.into_iter().map(ImageInfo::from).collect())
}

/// An image in the output of `podman image inspect`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedImage {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<Labels>,
    #[serde(flatten)]
    platform: Platform,
}

impl From<InspectedImage> for ImageInfo {
    fn from(image: InspectedImage) -> Self {
        Self {
            id: image.id,
            names: image.repo_tags.unwrap_or_default(),
            labels: image.labels.unwrap_or_default(),
            platform: Some(image.platform),
        }
    }
}

/// Parses any image archive or description of images, for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(in crate::podman) fn parse_any(bytes: &[u8]) {
    let _ = Listing::read_from(bytes);
    let _ = parse::<Vec<InspectedImage>>(bytes, "parse")
        .map(|images| images.into_iter().map(ImageInfo::from).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepare_removes_podmans_state() {
        let root = tempfile::tempdir().unwrap();
        let store = ImageStore::new(root.path());
        for directory in ["libpod", "overlay", "tmp/old"] {
            std::fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        for file in ["db.sql", "db.sql-wal", "libpod/bolt_state.db", "storage.lock"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        prepare(&store).unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["overlay", "storage.lock", "tmp"]);
        assert_eq!(std::fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn store_reference_refuses_special_characters() {
        let named = |root: &str| store_reference("localhost/a:1", &ImageStore::new(root));
        assert_eq!(
            named("/home/ada lovelace/s@1").unwrap(),
            "containers-storage:[overlay@/home/ada lovelace/s@1+/home/ada lovelace/s@1.run]localhost/a:1"
        );
        for root in ["/c++/s", "/a:b", "/a]"] {
            let error = named(root).unwrap_err().to_string();
            assert!(error.contains("cannot address a store with `"), "{error}");
        }
    }
}
