//! The image store of one cluster: what was loaded into it. It lies in the cluster's folder and is
//! mounted read-only into every node, also into those that are added later.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::cluster::cluster_dir;
use crate::dirs::Dirs;
use crate::node::StorageDriver;
use crate::plan;
use crate::podman::ImageStore;
use crate::spec::ClusterName;

/// Makes the store of a new cluster, with nothing in it. CRI-O does not start without; one that is
/// there is left alone.
pub(crate) fn create(cluster_dir: &Path, driver: StorageDriver) -> std::io::Result<()> {
    let root = plan::image_store(cluster_dir);
    let driver = driver.name();
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
    let [runroot, _] = runroots(dirs, name);
    Some(ImageStore { root, runroot, driver })
}

/// Where an archive is unpacked and looked at before anything of it gets into the cluster's `store`.
pub(crate) fn staging(dirs: &Dirs, name: &ClusterName, store: &ImageStore) -> ImageStore {
    let [_, runroot] = runroots(dirs, name);
    ImageStore { root: store.root.with_extension("partial"), runroot, driver: store.driver }
}

/// Podman's running state for the store, and for what is staged. Podman takes no path of more than 50
/// characters there, which a cluster's name alone may have.
pub(crate) fn runroots(dirs: &Dirs, name: &ClusterName) -> [PathBuf; 2] {
    let mut hasher = DefaultHasher::new();
    name.as_str().hash(&mut hasher);
    let hash = hasher.finish() as u32;
    ["i", "s"].map(|kind| dirs.runtime.join(format!("{kind}-{hash:08x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(staging(&dirs, &name, &store).root, dir.join("images.partial"));
        }
    }

    #[test]
    fn running_state_has_a_short_path_of_its_own() {
        let dirs = Dirs::below("/run/user/1000/kipod".as_ref());
        let name = |text: &str| text.parse::<ClusterName>().unwrap();
        let [one, staged] = runroots(&dirs, &name(&"a".repeat(47)));
        let [other, _] = runroots(&dirs, &name("b"));
        assert!(one != staged && one != other);
        assert_eq!(one.file_name().unwrap().len(), 10);
    }
}
