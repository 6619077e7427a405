//! Images on their way from the user's store, or from an archive, into another store.

use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::service::Service;
use super::{Archive, Command, ImageInfo, ImageStore, Labels, Platform, PodmanCli, PodmanError};
use crate::util::blocking;

/// Copies an image by name, with its id and its digest.
pub(super) async fn copy(
    service: &Service,
    name: &str,
    from: Option<&ImageStore>,
    to: &ImageStore,
) -> Result<(), PodmanError> {
    let source = match (from, service.named_url()) {
        (Some(store), _) => store.clone(),
        (None, None) => user_store().await?,
        // Its files are nobody's business but the service's.
        (None, Some(url)) => return copy_over(&url, name, to).await,
    };
    let source = source_of(name, &source)?;
    let (podman, _) = on(to)?;
    podman.pull(&source).await
}

/// An image of a store as Podman is told where to copy it from.
fn source_of(name: &str, store: &ImageStore) -> Result<String, PodmanError> {
    for path in [&store.root, &store.runroot] {
        // There is no way to quote.
        if let Some(found) = path.to_string_lossy().chars().find(|c| "+:]".contains(*c)) {
            return Err(PodmanError::Refused {
                action: format!("copy `{name}` from the store `{}`", store.root.display()),
                message: format!(
                    "podman cannot name a store with `{found}` in a path, as in `{}`",
                    path.display()
                ),
            });
        }
    }
    let (root, runroot) = (store.root.display(), store.runroot.display());
    Ok(format!("containers-storage:[{}@{root}+{runroot}]{name}", store.driver))
}

/// Podman on a store, and the folder where it keeps what it needs in between: what it leaves there when
/// it is killed goes with the next use of the store, or with the store itself.
fn on(store: &ImageStore) -> Result<(PodmanCli, PathBuf), PodmanError> {
    let tmp = store.root.join("tmp");
    let _ = std::fs::remove_dir_all(&tmp);
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&tmp);
    made.map_err(|error| failed("make", &tmp, &error))?;
    forget_containers(&store.root).map_err(|error| failed("clear", &store.root, &error))?;
    Ok((PodmanCli::new().in_store(store.clone()).with_tmp(tmp.clone()), tmp))
}

/// Removes what Podman knows of the containers of a store, of which there are none. Podman holds to the
/// runroot that it noted there, and that is another one when the user's runtime folder is.
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

fn failed(what: &str, path: &Path, error: &dyn std::fmt::Display) -> PodmanError {
    PodmanError::Refused {
        action: format!("{what} `{}`", path.display()),
        message: error.to_string(),
    }
}

/// Copies an image from the store of a service through an archive, which changes its digest, and not
/// its id.
async fn copy_over(url: &str, name: &str, to: &ImageStore) -> Result<(), PodmanError> {
    let (podman, tmp) = on(to)?;
    let archive = tmp.join("archive");
    let save = Command::new("podman")
        .args(["--url", url, "save", "--quiet", "--format", "docker-archive", "--output"])
        .arg(&archive)
        .arg(name);
    podman.output(save).await?;
    podman.load(&archive).await?;
    std::fs::remove_file(&archive).map_err(|error| failed("remove", &archive, &error))
}

/// Where the user's own images are.
async fn user_store() -> Result<ImageStore, PodmanError> {
    let info = PodmanCli::new().info().await?;
    let store = &info["store"];
    let text = |key: &str| store[key].as_str().unwrap_or_default();
    let driver = match text("graphDriverName") {
        "vfs" => "vfs",
        "overlay" => "overlay",
        other => {
            return Err(PodmanError::Refused {
                action: "read your image store".to_owned(),
                message: format!("its driver is `{other}`: kipod knows `overlay` and `vfs`"),
            });
        }
    };
    Ok(ImageStore { root: text("graphRoot").into(), runroot: text("runRoot").into(), driver })
}

/// Unpacks an archive into a store that has nothing yet, and answers every image of it.
pub(super) async fn load(
    archive: &Archive,
    store: &ImageStore,
) -> Result<Vec<ImageInfo>, PodmanError> {
    // Its images are copied from there.
    source_of("IMAGE", store)?;
    let (podman, tmp) = on(store)?;
    let ours = tmp.join("archive");
    let path = match archive {
        Archive::File(path) => path.clone(),
        Archive::Stdin => {
            let file = ours.clone();
            let keep = || {
                let mut options = std::fs::OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(file)?;
                std::io::copy(&mut std::io::stdin(), &mut file)
            };
            let kept = blocking(keep).await;
            kept.map_err(|error| failed("keep standard input as", &ours, &error))?;
            ours.clone()
        }
    };
    match podman.load(&path).await {
        // Podman takes one by its name only.
        Err(PodmanError::Command(error)) if error.tail.contains("more than one image in oci") => {
            // Where a path may have no colon in it.
            if path != ours {
                std::os::unix::fs::symlink(&path, &ours)
                    .map_err(|error| failed("make", &ours, &error))?;
            }
            let file = path.clone();
            let names = blocking(move || oci_names(&file)).await;
            for name in names.map_err(|error| failed("read", &path, &error))? {
                podman.pull(&format!("oci-archive:{}:{name}", ours.display())).await?;
            }
        }
        loaded => drop(loaded?),
    }
    let ids = podman.command().args(["images", "--all", "--quiet", "--no-trunc"]);
    let mut ids: Vec<String> =
        podman.text(ids).await?.lines().map(|id| id.trim().to_owned()).collect();
    // One for each of its names.
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let inspect = podman.command().args(["image", "inspect"]).args(&ids);
    let printed = podman.output(inspect).await?;
    let found: Vec<Inspected> =
        serde_json::from_slice(&printed).map_err(|error| PodmanError::Refused {
            action: "look at the images of the archive".to_owned(),
            message: error.to_string(),
        })?;
    Ok(found.into_iter().map(Inspected::info).collect())
}

/// What `podman image inspect` says of an image.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<Labels>,
    #[serde(flatten)]
    platform: Platform,
}

impl Inspected {
    fn info(self) -> ImageInfo {
        ImageInfo {
            id: self.id,
            names: self.repo_tags.unwrap_or_default(),
            labels: self.labels.unwrap_or_default(),
            platform: Some(self.platform),
        }
    }
}

/// The names of the images of an OCI archive, compressed by gzip or not. All of them have to have one.
fn oci_names(archive: &Path) -> std::io::Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Index {
        manifests: Vec<Manifest>,
    }
    #[derive(Deserialize)]
    struct Manifest {
        #[serde(default)]
        annotations: std::collections::BTreeMap<String, String>,
    }
    let mut magic = [0; 2];
    std::fs::File::open(archive)?.read_exact(&mut magic)?;
    let file = std::io::BufReader::new(std::fs::File::open(archive)?);
    let plain: Box<dyn Read> = match magic {
        [0x1f, 0x8b] => Box::new(flate2::read::MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };
    for entry in tar::Archive::new(plain).entries()? {
        let entry = entry?;
        if entry.path()?.as_os_str().to_string_lossy().trim_start_matches("./") != "index.json" {
            continue;
        }
        let index: Index = serde_json::from_reader(entry)?;
        let name = |mut manifest: Manifest| {
            manifest.annotations.remove("org.opencontainers.image.ref.name")
        };
        let all = index.manifests.len();
        let names: Vec<String> = index.manifests.into_iter().filter_map(name).collect();
        return match all - names.len() {
            0 => Ok(names),
            1 => Err(std::io::Error::other("it has an image without a name")),
            nameless => {
                Err(std::io::Error::other(format!("it has {nameless} images without a name")))
            }
        };
    }
    Err(std::io::Error::other("it has no `index.json`"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn oci_archive(index: &str) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in [("oci-layout", "{}"), ("./index.json", index)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn an_oci_archive_says_what_it_has() {
        let named = |name| {
            format!(r#"{{"annotations": {{"org.opencontainers.image.ref.name": "{name}"}}}}"#)
        };
        let [a, b] = ["localhost/a:1", "b"].map(named);
        let tar = oci_archive(&format!(r#"{{"manifests": [{a}, {b}]}}"#));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        for bytes in [tar, gzip.finish().unwrap()] {
            std::fs::write(file.path(), bytes).unwrap();
            assert_eq!(oci_names(file.path()).unwrap(), ["localhost/a:1", "b"]);
        }
        for (bytes, fault) in [
            (vec![0; 1024], "it has no `index.json`"),
            (
                oci_archive(&format!(r#"{{"manifests": [{a}, {{}}]}}"#)),
                "it has an image without a name",
            ),
            (oci_archive(r#"{"manifests": [{}, {}]}"#), "it has 2 images without a name"),
        ] {
            std::fs::write(file.path(), bytes).unwrap();
            assert_eq!(oci_names(file.path()).unwrap_err().to_string(), fault);
        }
    }

    #[test]
    fn a_store_is_used_as_if_podman_had_not_known_it() {
        let root = tempfile::tempdir().unwrap();
        let store = ImageStore::new(root.path());
        for folder in ["libpod", "overlay", "tmp/old"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for file in ["db.sql", "db.sql-wal", "libpod/bolt_state.db", "storage.lock"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        on(&store).unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["overlay", "storage.lock", "tmp"]);
        assert_eq!(std::fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_store_that_podman_cannot_name_is_refused() {
        let named = |root: &str| source_of("localhost/a:1", &ImageStore::new(root));
        assert_eq!(
            named("/home/ada lovelace/s@1").unwrap(),
            "containers-storage:[overlay@/home/ada lovelace/s@1+/home/ada lovelace/s@1.run]localhost/a:1"
        );
        for root in ["/c++/s", "/a:b", "/a]"] {
            let error = named(root).unwrap_err().to_string();
            assert!(error.contains("cannot name a store with `"), "{error}");
        }
    }
}
