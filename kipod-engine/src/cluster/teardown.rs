//! Removal of a cluster in any state: everything with the cluster's label, its kubeconfig entry and its
//! directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record::{Record, cluster_dir, record_path, unretain};
use crate::cluster::{held_image_names, store};
use crate::kubeconfig::UserKubeconfig;
use crate::lease::{ImagesLock, LockError, NameLock};
use crate::plan::{self, label};
use crate::podman::{
    LabeledResources, Podman, PodmanError, VolumeOptions, end_orphans, remove_tree,
};
use crate::spec::ClusterName;
use crate::util::dirs::Dirs;
use crate::util::text::{error_chain, indent_list};
use crate::util::{Hint, blocking};

/// The time in which Podman completes a request whose client was killed.
pub(crate) const SETTLE_TIME: Duration = Duration::from_millis(500);

/// An error of the deletion of a cluster. Everything that could be deleted is deleted.
///
/// ```no_run
/// use kipod_engine::{ClusterName, Engine, Error, RemoveError};
///
/// async fn delete(engine: &Engine, name: &ClusterName) -> Result<(), Error> {
///     match engine.delete(name).await {
///         Err(Error::Delete(RemoveError::Incomplete { errors, .. })) => {
///             errors.iter().for_each(|error| eprintln!("left behind: {error}"));
///             Ok(())
///         }
///         deleted => deleted.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// Another process works on the cluster.
    #[error(transparent)]
    Lock(
        #[from]
        #[doc(hidden)]
        LockError,
    ),
    /// Podman cannot list the cluster's resources.
    #[error("cannot list the resources of cluster `{name}`")]
    List {
        /// The cluster.
        name: ClusterName,
        /// The cause.
        source: PodmanError,
    },
    /// Resources could not be removed.
    #[error("failed to delete cluster `{name}` completely:{}", indent_list(.errors))]
    Incomplete {
        /// The cluster.
        name: ClusterName,
        /// An error for each resource.
        errors: Vec<String>,
    },
}

impl Hint for RemoveError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Lock(error) => error.hint(),
            Self::List { source, .. } => source.hint(),
            Self::Incomplete { name, .. } => {
                Some(format!("fix these errors, then run `kipod delete cluster {name}` again"))
            }
        }
    }
}

/// Lists the resources of a cluster in Podman.
pub(crate) async fn find(
    podman: &dyn Podman,
    name: &ClusterName,
) -> Result<LabeledResources, RemoveError> {
    let found = LabeledResources::find(podman, &format!("{}={name}", label::CLUSTER)).await;
    found.map_err(|source| RemoveError::List { name: name.clone(), source })
}

/// Removes a cluster: containers, volumes, networks, its entry in the user's kubeconfig and its directory,
/// in this order. Returns `false` if nothing of it existed.
///
/// # Errors
///
/// When another process works on the cluster, or something cannot be removed. The rest is removed
/// nevertheless.
pub async fn remove(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
) -> Result<bool, RemoveError> {
    let _lock = NameLock::take(&dirs.state, name)?;
    let record = Record::read(&dirs.state, name);
    remove_settled(podman, dirs, name, record.ok().flatten().as_ref()).await
}

/// Removes a cluster if its record matches `condition`. Another cluster of that name, which may have been
/// created since, is not removed, nor is a cluster without a record, which may be recorded elsewhere.
///
/// # Errors
///
/// As for [`remove`].
pub async fn remove_if(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
    condition: impl Fn(&Record) -> bool,
) -> Result<bool, RemoveError> {
    let _lock = NameLock::take(&dirs.state, name)?;
    let record = match Record::read(&dirs.state, name) {
        Ok(None) => return Ok(false),
        Ok(Some(record)) if !condition(&record) => return Ok(false),
        read => read.ok().flatten(),
    };
    remove_settled(podman, dirs, name, record.as_ref()).await
}

async fn remove_settled(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
    record: Option<&Record>,
) -> Result<bool, RemoveError> {
    if record.is_some_and(Record::is_interrupted) {
        settle().await;
    }
    remove_locked(podman, dirs, name).await
}

/// Waits until Podman has completed the last request of a killed process. A container that appears after
/// the containers were listed would remain. On an idle host, creating one takes Podman 100 ms.
pub(crate) async fn settle() {
    tokio::time::sleep(SETTLE_TIME).await;
}

/// Removes a cluster whose lock the caller holds, as [`remove`] does.
pub(crate) async fn remove_locked(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
) -> Result<bool, RemoveError> {
    unretain(&dirs.state, name);
    let record = Record::read(&dirs.state, name).ok().flatten();
    // After a SIGKILL, the partially removed cluster must not count as complete.
    if let Some(record) = record.as_ref().filter(|record| record.complete) {
        let record = Record { complete: false, ..record.clone() };
        record.write(&dirs.state).map_err(|error| RemoveError::Incomplete {
            name: name.clone(),
            errors: vec![error_chain(&error)],
        })?;
    }
    let found = find(podman, name).await?;
    let mut existed = found.first().is_some();
    let mut errors = Vec::new();
    // Podman takes as long to list all images as to remove some containers.
    let (held, ()) =
        tokio::join!(held_image_names(podman, name), found.remove_containers(podman, &mut errors));
    if let Err(error) = release_images(podman, held).await {
        errors.push(format!("names of held images: {}", error_chain(&error)));
    }
    // An exit of Podman may have interrupted the creation, and left files that Podman does not list.
    if let Some(record) = record.as_ref().filter(|record| record.is_interrupted()) {
        let changing = record.changing.iter().map(|identity| identity.name.clone());
        for node in record.containers().chain(changing) {
            let volume = VolumeOptions { name: node, labels: plan::labels(name) };
            if let Err(error) = found.remove_files(podman, &volume).await {
                errors.push(format!(
                    "leftovers of node `{}`: {}",
                    volume.name,
                    error_chain(&error)
                ));
            }
        }
    }
    if let Some(record) = &record {
        let addresses: Vec<SocketAddr> = record.published_addresses().collect();
        blocking(move || end_orphans(&addresses)).await;
    }
    found.remove_networks(podman, &mut errors).await;
    // An unreadable record does not prevent the removal of the rest. Only the entry in the user's
    // kubeconfig remains.
    if let Some(record) = record {
        existed = true;
        for path in record.kubeconfig {
            let name = name.clone();
            let remove = move || UserKubeconfig::at(path).remove(&name);
            if let Err(error) = blocking(remove).await {
                errors.push(format!("kubeconfig entry: {}", error_chain(&error)));
            }
        }
    }
    if errors.is_empty() {
        existed |= remove_dir(podman, dirs, name, &mut errors).await;
    }
    if errors.is_empty() {
        Ok(existed)
    } else {
        Err(RemoveError::Incomplete { name: name.clone(), errors })
    }
}

/// Removes the names that the cluster's holds gave to images. The images stay in the user's store.
async fn release_images(
    podman: &dyn Podman,
    held: Result<Vec<String>, PodmanError>,
) -> Result<(), PodmanError> {
    for image in held? {
        podman.remove_image_name(&image).await?;
    }
    Ok(())
}

/// Removes a node's container and its volume.
pub(crate) async fn remove_from_podman(
    podman: &dyn Podman,
    cluster: &ClusterName,
    node: &str,
) -> Result<(), PodmanError> {
    let found = LabeledResources::find(podman, &format!("{}={cluster}", label::CLUSTER)).await?;
    let volume = VolumeOptions { name: node.to_owned(), labels: plan::labels(cluster) };
    found.remove_one(podman, &volume).await
}

/// Removes the cluster's directory, after everything else: while it exists, `kipod get clusters` lists the
/// cluster.
async fn remove_dir(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
    errors: &mut Vec<String>,
) -> bool {
    store::remove_runroot(dirs, name);
    // A running load finds the cluster removed, and removes its own staging directory.
    if let Ok(Some(_lock)) = ImagesLock::try_take(&dirs.state, name)
        && let Err(error) = store::sweep(podman, dirs, name).await
    {
        errors.push(error_chain(&error));
        return false;
    }
    let dir = cluster_dir(&dirs.state, name);
    let parts = match parts(&dir) {
        Ok(parts) => parts,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return false,
        Err(error) => {
            errors.push(format!("directory `{}`: {error}", dir.display()));
            return false;
        }
    };
    for part in parts.into_iter().chain([dir]) {
        // Loaded images may contain files of other user ids of the user namespace.
        if let Err(error) = remove_tree(podman, &part).await {
            errors.push(error_chain(&error));
            break;
        }
    }
    true
}

/// Returns the contents of a cluster's directory in the order of removal: images first, because a partial
/// store would count as complete, and the record last, because it lists what to remove.
fn parts(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries: Vec<_> = std::fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    let mut parts: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    let (images, record) = (plan::image_store(dir), record_path(dir));
    parts.sort_by_key(|part| (*part == record, *part != images));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_begin_with_images_and_end_with_the_record() {
        let dir = tempfile::tempdir().unwrap();
        for part in ["cluster.json", "images", "kubeconfig", "nodes", "a"] {
            std::fs::create_dir(dir.path().join(part)).unwrap();
        }
        let parts = parts(dir.path()).unwrap();
        let name = |part: &PathBuf| part.file_name().unwrap().to_str().unwrap().to_owned();
        let names: Vec<String> = parts.iter().map(name).collect();
        assert_eq!((names[0].as_str(), names[4].as_str()), ("images", "cluster.json"), "{names:?}");
    }
}
