//! The image store of one cluster: what was loaded into it. It lies in the cluster's folder and is
//! mounted read-only into every node, also into those that are added later.

use std::fs::Permissions;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::cluster::cluster_dir;
use crate::node::StorageDriver;
use crate::plan;
use crate::podman::{ImageStore, Podman, PodmanError, remove_tree};
use crate::spec::ClusterName;
use crate::util::dirs::Dirs;

/// Makes the store of a new cluster, with nothing in it. CRI-O does not start without; one that is
/// there is left alone.
pub(crate) fn create(cluster_dir: &Path, driver: StorageDriver) -> std::io::Result<()> {
    let root = plan::image_store(cluster_dir);
    let driver = driver.name();
    // What images hold is their user's business.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
    std::fs::create_dir_all(root.join(driver))?;
    for (part, list) in [("images", "images"), ("layers", "layers")] {
        let folder = root.join(format!("{driver}-{part}"));
        std::fs::create_dir_all(&folder)?;
        for (end, text) in [("lock", ""), ("json", "[]")] {
            let file = folder.join(format!("{list}.{end}"));
            if !file.exists() {
                std::fs::write(file, text)?;
            }
        }
    }
    Ok(())
}

/// The store of a cluster that is there; `None` where it has none: an earlier kipod made it.
pub(crate) fn open(dirs: &Dirs, name: &ClusterName) -> Option<ImageStore> {
    let root = plan::image_store(&cluster_dir(&dirs.state, name));
    let drivers = [StorageDriver::Overlay, StorageDriver::Vfs].map(StorageDriver::name);
    let driver =
        drivers.into_iter().find(|driver| root.join(format!("{driver}-images")).is_dir())?;
    Some(ImageStore { root, runroot: runroot(dirs, name, 'i'), driver })
}

/// Removes Podman's running state for the store of a cluster.
pub(crate) fn forget(dirs: &Dirs, name: &ClusterName) {
    let _ = std::fs::remove_dir_all(runroot(dirs, name, 'i'));
}

/// Podman's running state, on a file system that a reboot empties. Podman takes no path of more than 50
/// characters there, which a cluster's name alone may have.
fn runroot(dirs: &Dirs, name: &ClusterName, kind: char) -> PathBuf {
    // FNV-1a: another kipod comes to the same.
    let step = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = name.as_str().bytes().fold(0x811c_9dc5, step);
    dirs.runtime.join(format!("{kind}-{hash:08x}"))
}

/// Where an archive is unpacked and looked at before anything of it gets into a cluster's store: an
/// empty store of its own for each load, outside of the cluster's folder, so that a cluster can be
/// deleted meanwhile. Its owner [clears](Self::clear) it; what a killed one left is [swept](sweep).
#[derive(Debug)]
pub(crate) struct Staging {
    folder: tempfile::TempDir,
    runroot: PathBuf,
}

impl Staging {
    /// Makes an empty one.
    pub(crate) fn make(dirs: &Dirs, name: &ClusterName) -> std::io::Result<Self> {
        let all = loads(&dirs.state);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&all)?;
        // Nobody but its user may look into it.
        let folder = tempfile::Builder::new()
            .prefix(&format!("{name}."))
            .rand_bytes(RANDOM)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(all)?;
        let end = folder.path().extension().unwrap_or_default();
        let runroot = runroot(dirs, name, 's').join(end);
        Ok(Self { folder, runroot })
    }

    /// The store, with its layers as that of the cluster has them.
    pub(crate) fn store(&self, driver: &'static str) -> ImageStore {
        let root = self.folder.path().to_owned();
        ImageStore { root, runroot: self.runroot.clone(), driver }
    }

    /// Removes all of it. What cannot be removed is swept later.
    pub(crate) async fn clear(self, podman: &dyn Podman) {
        let _ = std::fs::remove_dir_all(&self.runroot);
        // The other runroots are gone with their loads.
        let _ = self.runroot.parent().map(std::fs::remove_dir);
        let _ = remove_tree(podman, self.folder.path()).await;
    }
}

/// How many random characters the folder of a load has in its name.
const RANDOM: usize = 4;

fn loads(state: &Path) -> PathBuf {
    state.join("loads")
}

/// What loads were unpacking: each folder, with the cluster that it was for.
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

/// Removes what killed loads into a cluster left. Who calls this has the turn to load into it.
pub(crate) async fn sweep(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
) -> Result<(), PodmanError> {
    let _ = std::fs::remove_dir_all(runroot(dirs, name, 's'));
    for (_, folder) in staged(&dirs.state).into_iter().filter(|(other, _)| other == name) {
        remove_tree(podman, &folder).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::podman::Scripted;

    #[test]
    fn an_empty_store_is_made_once_and_found() {
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
    fn running_state_has_a_short_path_that_stays_the_same() {
        let dirs = Dirs::below("/run/user/1000/kipod".as_ref());
        let name = |text: &str| text.parse::<ClusterName>().unwrap();
        let [long, b] =
            ["a".repeat(47), "b".to_owned()].map(|one| runroot(&dirs, &name(&one), 'i'));
        assert_eq!(b, dirs.runtime.join("i-e70c2de5"));
        assert_ne!(long, b);
        assert_eq!(long.file_name().unwrap().len(), 10);
    }

    #[tokio::test]
    async fn each_load_has_a_private_folder_that_it_or_the_next_removes() {
        let root = tempfile::tempdir().unwrap();
        let (dirs, podman) = (Dirs::below(root.path()), Scripted::new());
        let names = ["demo", "demo-2"].map(|name| name.parse::<ClusterName>().unwrap());
        let make = |name| {
            let staging = Staging::make(&dirs, name).unwrap();
            let store = staging.store("overlay");
            std::fs::create_dir_all(&store.runroot).unwrap();
            let mode = std::fs::metadata(&store.root).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
            (staging, store)
        };
        let [one, two, other] = [&names[0], &names[0], &names[1]].map(make);
        assert!(one.1.root != two.1.root && one.1.runroot != two.1.runroot);
        assert_eq!(one.1.runroot.strip_prefix(&dirs.runtime).unwrap().as_os_str().len(), 15);
        one.0.clear(&podman).await;
        assert!(!one.1.root.exists() && !one.1.runroot.exists());
        assert!(two.1.root.exists() && two.1.runroot.exists());
        // As if it had been killed.
        let left = two.0.folder.keep();
        assert_eq!(staged(&dirs.state).len(), 2);
        sweep(&podman, &dirs, &names[0]).await.unwrap();
        assert!(!left.exists() && !two.1.runroot.exists());
        assert_eq!(staged(&dirs.state), [(names[1].clone(), other.1.root)]);
    }
}
