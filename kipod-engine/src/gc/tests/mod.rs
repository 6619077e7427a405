//! Tests of removed and kept resources, with a scripted Podman and real locks.

mod clusters;
mod files;
mod test_clusters;

use std::path::PathBuf;

use super::*;
use crate::cluster::{Record, cluster_dir, retain};
use crate::kubernetes::Role;
use crate::lease::{ClusterFiles, ImagesLock, Kept, Lock, NameLock, Phase};
use crate::node_image::label::IMAGE_STORE;
use crate::plan;
use crate::podman::{Bind, ContainerOptions, Labels, Scripted, VolumeOptions};
use crate::registry::RegistriesLock;
use crate::spec::ClusterName;
use crate::testing::{create_resources, identity, record};

struct World {
    podman: Scripted,
    dirs: Dirs,
    _root: tempfile::TempDir,
}

fn name(text: &str) -> ClusterName {
    text.parse().unwrap()
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { podman: Scripted::new(), dirs: Dirs::below(root.path()), _root: root }
    }

    /// Creates a network, a volume and a container of a cluster.
    async fn fill(&self, cluster: &str, binds: Vec<Bind>) {
        let labels = plan::labels(&name(cluster));
        let node = format!("{cluster}-node");
        let container = ContainerOptions { binds, ..ContainerOptions::plain(&node, labels) };
        create_resources(&self.podman, cluster, container).await;
    }

    /// Creates a cluster: its record and its Podman resources.
    async fn cluster(&self, cluster: &str, complete: bool) -> Record {
        self.fill(cluster, Vec::new()).await;
        let record = Record { complete, ..record(cluster) };
        record.write(&self.dirs.state).unwrap();
        record
    }

    /// Creates a cluster of tests with its files.
    async fn test_cluster(&self, cluster: &str) -> ClusterFiles {
        let record = self.cluster(cluster, true).await;
        let files = ClusterFiles::new(&self.dirs.state, cluster);
        drop(Lock::shared(&files.lease(), || {}).unwrap());
        drop(Lock::exclusive(&files.gate(), || {}).unwrap());
        files.set_phase(Some(&Phase::Ready(record.identity()))).unwrap();
        files
    }

    /// Prunes, after a dry run that returns the same result and changes nothing.
    async fn prune(&self) -> Pruned {
        let before = (self.files(), self.podman.calls().len());
        let dry = prune(&self.podman, &self.dirs, true).await.unwrap();
        assert_eq!(self.files(), before.0);
        let calls = self.podman.calls().split_off(before.1);
        let changed = calls.iter().any(|call| call.starts_with("remove"));
        assert!(!changed, "the dry run: {calls:#?}");
        let done = prune(&self.podman, &self.dirs, false).await.unwrap();
        assert_eq!(dry, done);
        let again = prune(&self.podman, &self.dirs, false).await.unwrap();
        assert_eq!((again.removed, again.kept), (Vec::new(), done.kept.clone()));
        done
    }

    /// Returns all files and directories.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut directories = vec![self.dirs.state.clone(), self.dirs.data.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
                found.push(entry.path());
                if entry.path().is_dir() {
                    directories.push(entry.path());
                }
            }
        }
        found.sort();
        found
    }

    fn exists(&self, cluster: &str) -> bool {
        cluster_dir(&self.dirs.state, &name(cluster)).exists()
    }
}

const NOTHING: [String; 0] = [];
