//! Image stores of clusters, with the loaded images. A store is in the cluster's directory, and is mounted
//! read-only into all nodes, including those added later.

use std::fs::Permissions;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::cluster::cluster_dir;
use crate::plan;
use crate::podman::{ImageStore, Podman, PodmanError, StorageDriver, remove_tree};
use crate::spec::ClusterName;
use crate::util::dirs::Dirs;

/// Creates the empty store of a new cluster, which CRI-O requires to start. An existing store is not
/// changed.
pub(crate) fn create(cluster_dir: &Path, driver: StorageDriver) -> std::io::Result<()> {
    let root = plan::image_store(cluster_dir);
    let driver = driver.name();
    // Images may contain private files.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
    std::fs::create_dir_all(root.join(driver))?;
    for (part, list) in [("images", "images"), ("layers", "layers")] {
        let dir = root.join(format!("{driver}-{part}"));
        std::fs::create_dir_all(&dir)?;
        for (end, text) in [("lock", ""), ("json", "[]")] {
            let file = dir.join(format!("{list}.{end}"));
            if !file.exists() {
                std::fs::write(file, text)?;
            }
        }
    }
    Ok(())
}

/// Returns the store of an existing cluster; `None` if an older version of kipod created the cluster
/// without one.
pub(crate) fn open(dirs: &Dirs, name: &ClusterName) -> Option<ImageStore> {
    let root = plan::image_store(&cluster_dir(&dirs.state, name));
    let drivers = [StorageDriver::Overlay, StorageDriver::Vfs].map(StorageDriver::name);
    let driver =
        drivers.into_iter().find(|driver| root.join(format!("{driver}-images")).is_dir())?;
    Some(ImageStore { root, runroot: runroot(dirs, name, 'i'), driver })
}

/// Removes Podman's runtime state of a cluster's store.
pub(crate) fn remove_runroot(dirs: &Dirs, name: &ClusterName) {
    let _ = std::fs::remove_dir_all(runroot(dirs, name, 'i'));
}

/// Returns the directory of Podman's runtime state, on a tmpfs. Podman limits its path to 50 characters,
/// which a cluster's name alone may have.
fn runroot(dirs: &Dirs, name: &ClusterName, kind: char) -> PathBuf {
    // FNV-1a, which does not change between versions of kipod.
    let step = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = name.as_str().bytes().fold(0x811c_9dc5, step);
    dirs.runtime.join(format!("{kind}-{hash:08x}"))
}

/// A staging store, in which an archive is unpacked and checked before its images are copied. Each load
/// has its own, outside of the cluster's directory, so that the cluster can be deleted meanwhile. It is
/// removed by [`Self::clear`]; [`sweep`] removes those of killed processes.
#[derive(Debug)]
pub(crate) struct Staging {
    dir: tempfile::TempDir,
    runroot: PathBuf,
}

impl Staging {
    /// Creates an empty staging store.
    pub(crate) fn create(dirs: &Dirs, name: &ClusterName) -> std::io::Result<Self> {
        let all = loads(&dirs.state);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&all)?;
        let dir = tempfile::Builder::new()
            .prefix(&format!("{name}."))
            .rand_bytes(RANDOM)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(all)?;
        let end = dir.path().extension().unwrap_or_default();
        let runroot = runroot(dirs, name, 's').join(end);
        Ok(Self { dir, runroot })
    }

    /// Returns the store, with the storage driver of the cluster's store.
    pub(crate) fn store(&self, driver: &'static str) -> ImageStore {
        let root = self.dir.path().to_owned();
        ImageStore { root, runroot: self.runroot.clone(), driver }
    }

    /// Removes the staging store. Errors are ignored: [`sweep`] removes the rest later.
    pub(crate) async fn clear(self, podman: &dyn Podman) {
        let _ = std::fs::remove_dir_all(&self.runroot);
        // Fails while other loads have a runroot in it.
        let _ = self.runroot.parent().map(std::fs::remove_dir);
        let _ = remove_tree(podman, self.dir.path()).await;
    }
}

/// The number of random characters in the name of a staging directory.
const RANDOM: usize = 4;

fn loads(state: &Path) -> PathBuf {
    state.join("loads")
}

/// Returns all staging directories with their clusters.
pub(crate) fn staged(state: &Path) -> Vec<(ClusterName, PathBuf)> {
    let entries = std::fs::read_dir(loads(state)).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries
        .filter_map(|entry| {
            let file = entry.file_name();
            let (name, _) = file.to_str()?.split_once('.')?;
            Some((name.parse().ok()?, entry.path()))
        })
        .collect();
    all.sort_by(|(_, one), (_, other)| one.cmp(other));
    all
}

/// Removes staging directories of killed loads into a cluster. The caller must hold the lock of the
/// cluster's images.
pub(crate) async fn sweep(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
) -> Result<(), PodmanError> {
    let _ = std::fs::remove_dir_all(runroot(dirs, name, 's'));
    for (_, dir) in staged(&dirs.state).into_iter().filter(|(other, _)| other == name) {
        remove_tree(podman, &dir).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::podman::Scripted;

    #[test]
    fn create_keeps_an_existing_store() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path());
        let name: ClusterName = "demo".parse().unwrap();
        assert_eq!(open(&dirs, &name), None);
        let dir = cluster_dir(&dirs.state, &name);
        for driver in [StorageDriver::Vfs, StorageDriver::Overlay] {
            let _ = std::fs::remove_dir_all(&dir);
            create(&dir, driver).unwrap();
            let store = open(&dirs, &name).unwrap();
            assert_eq!((store.root.clone(), store.driver), (dir.join("images"), driver.name()));
            let images = store.root.join(format!("{}-images/images.json", driver.name()));
            assert_eq!(std::fs::read_to_string(&images).unwrap(), "[]");
            std::fs::write(&images, "[1]").unwrap();
            create(&dir, driver).unwrap();
            assert_eq!(std::fs::read_to_string(&images).unwrap(), "[1]");
            let mode = std::fs::metadata(&store.root).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }

    #[test]
    fn runroot_is_short_and_stable() {
        let dirs = Dirs::below("/run/user/1000/kipod".as_ref());
        let name = |text: &str| text.parse::<ClusterName>().unwrap();
        let [long, b] =
            ["a".repeat(47), "b".to_owned()].map(|one| runroot(&dirs, &name(&one), 'i'));
        assert_eq!(b, dirs.runtime.join("i-e70c2de5"));
        assert_ne!(long, b);
        assert_eq!(long.file_name().unwrap().len(), 10);
    }

    #[tokio::test]
    async fn staging_is_private_and_removed_by_clear_or_sweep() {
        let root = tempfile::tempdir().unwrap();
        let (dirs, podman) = (Dirs::below(root.path()), Scripted::new());
        let names = ["demo", "demo-2"].map(|name| name.parse::<ClusterName>().unwrap());
        let create = |name| {
            let staging = Staging::create(&dirs, name).unwrap();
            let store = staging.store("overlay");
            std::fs::create_dir_all(&store.runroot).unwrap();
            let mode = std::fs::metadata(&store.root).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
            (staging, store)
        };
        let [one, two, other] = [&names[0], &names[0], &names[1]].map(create);
        assert!(one.1.root != two.1.root && one.1.runroot != two.1.runroot);
        assert_eq!(one.1.runroot.strip_prefix(&dirs.runtime).unwrap().as_os_str().len(), 15);
        one.0.clear(&podman).await;
        assert!(!one.1.root.exists() && !one.1.runroot.exists());
        assert!(two.1.root.exists() && two.1.runroot.exists());
        // As if it had been killed.
        let left = two.0.dir.keep();
        assert_eq!(staged(&dirs.state).len(), 2);
        sweep(&podman, &dirs, &names[0]).await.unwrap();
        assert!(!left.exists() && !two.1.runroot.exists());
        assert_eq!(staged(&dirs.state), [(names[1].clone(), other.1.root)]);
    }
}
