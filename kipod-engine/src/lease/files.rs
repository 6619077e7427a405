//! The files of one cluster that tests use.

use std::path::{Path, PathBuf};

use super::lock::{LeaseError, Lock};

/// The files of one cluster that tests use: locks, and what has to be known when one of those is free
/// again.
#[derive(Debug, Clone)]
pub struct ClusterFiles {
    folder: PathBuf,
    name: String,
}

impl ClusterFiles {
    /// The files of the cluster `name` below kipod's state folder.
    pub fn new(state: &Path, name: &str) -> Self {
        Self { folder: state.join("test"), name: name.to_owned() }
    }

    /// The files of every cluster that has any, by name.
    pub fn all(state: &Path) -> Vec<Self> {
        let folder = state.join("test");
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        // A cluster's name has no dot, so what comes before the first is one.
        let name = |entry: std::fs::DirEntry| {
            entry.file_name().to_str()?.split_once('.').map(|(name, _)| name.to_owned())
        };
        let mut names: Vec<String> = entries.filter_map(name).collect();
        names.sort();
        names.dedup();
        names.into_iter().map(|name| Self { folder: folder.clone(), name }).collect()
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.name))
    }

    /// Locked shared to look at the cluster, exclusively to create or delete it. Its exclusive holder
    /// notes in it what he is doing.
    pub fn gate(&self) -> PathBuf {
        self.path("gate")
    }

    /// Locked shared by everyone who uses the cluster.
    pub fn lease(&self) -> PathBuf {
        self.path("lease")
    }

    /// How far the cluster is.
    pub fn state(&self) -> PathBuf {
        self.path("json")
    }

    /// A folder with one file for each namespace that has to stay.
    pub fn kept(&self) -> PathBuf {
        self.path("kept")
    }

    /// Which manifests have been applied, a line each; locked while that is done.
    pub fn applied(&self) -> PathBuf {
        self.path("applied")
    }

    /// What the last reaper could not do.
    pub fn log(&self) -> PathBuf {
        self.path("log")
    }

    /// Locked exclusively by the one reaper of a run.
    pub fn reaper(&self, run: &str) -> PathBuf {
        self.path(&format!("{REAPER}{run}"))
    }

    /// The files of reapers, locked or not.
    pub fn reapers(&self) -> Vec<PathBuf> {
        self.beginning_with(&format!("{}.{REAPER}", self.name))
    }

    /// Every file there is, by name.
    pub fn present(&self) -> Vec<PathBuf> {
        self.beginning_with(&format!("{}.", self.name))
    }

    fn beginning_with(&self, start: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(start));
        let mut paths: Vec<PathBuf> = ours.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Whether somebody is looking at the cluster, making it, deleting it or using it, or a run may
    /// that has used it. Makes no file.
    pub fn is_in_use(&self) -> bool {
        let locks = [self.gate(), self.lease(), self.applied()];
        // Reapers look at each other in the same gentle way, and take none for alive that is only
        // looked at.
        locks.iter().any(|path| Lock::is_held(path))
            || self.reapers().iter().any(|path| Lock::is_held_alone(path))
    }

    /// Takes away every file of a cluster that nobody uses and of which nothing stays. Who calls this
    /// holds the gate and the lease alone. A reaper that waits for them keeps its own file.
    ///
    /// # Errors
    ///
    /// When the state cannot be removed.
    pub fn remove(&self, gate: Lock, lease: Lock) -> Result<(), LeaseError> {
        self.forget_content();
        self.set_phase(None)?;
        // The new state of somebody who was killed while writing it.
        let _ = std::fs::remove_file(self.path("json.new"));
        let _ = std::fs::remove_file(self.log());
        for reaper in self.reapers() {
            if let Ok(Some(lock)) = Lock::try_exclusive(&reaper) {
                lock.remove();
            }
        }
        lease.remove();
        gate.remove();
        Ok(())
    }
}

const REAPER: &str = "reaper-";

#[cfg(test)]
mod tests {
    use super::super::{Kept, Phase};
    use super::*;

    #[test]
    fn all_files_of_a_cluster_go_at_once_but_that_of_a_living_reaper() {
        let state = tempfile::tempdir().unwrap();
        let files = ClusterFiles::new(state.path(), "demo");
        let other = ClusterFiles::new(state.path(), "demo-2");
        let (gate, lease) = (files.gate(), files.lease());
        let gate = Lock::exclusive(&gate, || {}).unwrap();
        let lease = Lock::exclusive(&lease, || {}).unwrap();
        files.set_phase(Some(&Phase::Creating(7))).unwrap();
        let kept = Kept { namespace: "n".into(), test: "t".into(), run: "r".into() };
        files.keep(&kept).unwrap();
        let new = files.path("json.new");
        for path in [files.applied(), files.log(), new, files.reaper("dead"), other.log()] {
            std::fs::write(path, "").unwrap();
        }
        let living = Lock::exclusive(&files.reaper("alive"), || {}).unwrap();
        let names = |all: Vec<ClusterFiles>| -> Vec<String> {
            all.iter().map(|files| files.name().to_owned()).collect()
        };
        assert_eq!(names(ClusterFiles::all(state.path())), ["demo", "demo-2"]);
        files.remove(gate, lease).unwrap();
        assert_eq!(files.reapers(), [files.reaper("alive")]);
        living.remove();
        let left: Vec<_> =
            std::fs::read_dir(state.path().join("test")).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(names(ClusterFiles::all(state.path())), ["demo-2"]);
    }
}
