//! The one way back: everything that carries a cluster's label goes, whatever state it is in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record::{Record, cluster_dir, record_path, unretain};
use crate::cluster::store;
use crate::kubeconfig::UserKubeconfig;
use crate::lease::{ImagesLock, LockError, NameLock};
use crate::plan::{self, label};
use crate::podman::{LabeledResources, Podman, PodmanError, VolumeOptions, remove_tree};
use crate::spec::ClusterName;
use crate::util::Hint;
use crate::util::blocking;
use crate::util::dirs::Dirs;
use crate::util::text::indent_list;

/// How long Podman may take to end a request whose asker is gone.
const SETTLE: Duration = Duration::from_millis(500);

/// Something of a cluster could not be removed. All the rest was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// Another process works on the cluster.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Podman did not say what there is of the cluster.
    #[error("cannot list what podman has of cluster `{name}`: {source}")]
    List {
        /// The cluster.
        name: ClusterName,
        /// Why.
        source: PodmanError,
    },
    /// These faults, each with what it is about.
    #[error("cluster `{name}` is not all gone:{}", indent_list(.faults))]
    Left {
        /// The cluster.
        name: ClusterName,
        /// What is left, and why.
        faults: Vec<String>,
    },
}

impl RemoveError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Lock(error) => crate::Hint::hint(error),
            Self::List { source, .. } => source.hint(),
            Self::Left { name, .. } => {
                Some(format!("mend that, then run `kipod delete cluster {name}` again"))
            }
        }
    }
}

/// Looks up what Podman has of a cluster.
pub(crate) async fn find(
    podman: &dyn Podman,
    name: &ClusterName,
) -> Result<LabeledResources, RemoveError> {
    let found = LabeledResources::find(podman, &format!("{}={name}", label::CLUSTER)).await;
    found.map_err(|source| RemoveError::List { name: name.clone(), source })
}

/// Removes a cluster: containers, volumes, networks, its entry in the user's kubeconfig and its
/// folder on the host, in this order. Answers whether there was anything.
///
/// # Errors
///
/// When another process works on the cluster, or something could not be removed; then everything
/// else is gone all the same.
pub async fn remove(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
) -> Result<bool, RemoveError> {
    let _lock = NameLock::take(&dirs.state, name)?;
    let record = Record::read(&dirs.state, name);
    remove_settled(podman, dirs, name, record.ok().flatten().as_ref()).await
}

/// [`remove`] of the cluster that is `meant`. Another one of its name stays, as it may have been made
/// since its caller last looked; so does one without a record, which somebody made who keeps records
/// elsewhere.
///
/// # Errors
///
/// As for [`remove`].
pub async fn remove_if(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
    meant: impl Fn(&Record) -> bool,
) -> Result<bool, RemoveError> {
    let _lock = NameLock::take(&dirs.state, name)?;
    let record = match Record::read(&dirs.state, name) {
        Ok(None) => return Ok(false),
        Ok(Some(record)) if !meant(&record) => return Ok(false),
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
    if record.is_some_and(Record::is_cut_off) {
        settle().await;
    }
    remove_locked(podman, dirs, name).await
}

/// Lets Podman end what a killed kipod had asked it for last: a container that appears after the
/// look for containers would be left, and nobody would know of it. Creating one takes Podman a
/// tenth of a second on a machine at rest.
pub(crate) async fn settle() {
    tokio::time::sleep(SETTLE).await;
}

/// [`remove`] for a caller who holds the name's lock.
pub(crate) async fn remove_locked(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
) -> Result<bool, RemoveError> {
    unretain(&dirs.state, name);
    let record = Record::read(&dirs.state, name).ok().flatten();
    // Whoever comes after a kill must not take half a cluster for a whole one.
    if let Some(record) = record.as_ref().filter(|record| record.complete) {
        let record = Record { complete: false, ..record.clone() };
        record.write(&dirs.state).map_err(|fault| RemoveError::Left {
            name: name.clone(),
            faults: vec![fault.to_string()],
        })?;
    }
    let found = find(podman, name).await?;
    let mut any = found.first().is_some();
    let mut faults = Vec::new();
    // Nodes of one cluster do not need each other to end.
    found.remove_containers(podman, &mut faults).await;
    // What was cut off may have been so by the end of Podman itself.
    if let Some(record) = record.as_ref().filter(|record| record.is_cut_off()) {
        let changing = record.changing.iter().map(|identity| identity.name.clone());
        for node in record.containers().chain(changing) {
            let volume = VolumeOptions { name: node, labels: plan::labels(name) };
            if let Err(error) = found.remove_files(podman, &volume).await {
                faults.push(format!("what may be left of node `{}`: {error}", volume.name));
            }
        }
    }
    found.remove_networks(podman, &mut faults).await;
    // A record that cannot be read must not keep the rest; what it would have said is only which
    // kubeconfig has an entry.
    if let Some(record) = record {
        any = true;
        for path in record.kubeconfig {
            let name = name.clone();
            let remove = move || UserKubeconfig::at(path).remove(&name);
            if let Err(error) = blocking(remove).await {
                faults.push(format!("kubeconfig entry: {error}"));
            }
        }
    }
    if faults.is_empty() {
        any |= remove_dir(podman, dirs, name, &mut faults).await;
    }
    if faults.is_empty() { Ok(any) } else { Err(RemoveError::Left { name: name.clone(), faults }) }
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

/// The folder goes last: as long as it is there, the next `delete` knows that something is left.
async fn remove_dir(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
    faults: &mut Vec<String>,
) -> bool {
    store::forget(dirs, name);
    // Who loads into it right now will find it gone, and clears what is his.
    if let Ok(Some(_turn)) = ImagesLock::try_take(&dirs.state, name)
        && let Err(error) = store::sweep(podman, dirs, name).await
    {
        faults.push(error.to_string());
        return false;
    }
    let dir = cluster_dir(&dirs.state, name);
    let parts = match parts(&dir) {
        Ok(parts) => parts,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return false,
        Err(error) => {
            faults.push(format!("folder `{}`: {error}", dir.display()));
            return false;
        }
    };
    for part in parts.into_iter().chain([dir]) {
        // Images that were loaded may hold files of users whom containers run as.
        if let Err(error) = remove_tree(podman, &part).await {
            faults.push(error.to_string());
            break;
        }
    }
    true
}

/// What is in a cluster's folder, in the order in which it goes: images first, of which half would be
/// taken for a whole store, and the record last. Whoever comes after a kill knows by it what is left.
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
    fn images_go_first_and_the_record_last() {
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
