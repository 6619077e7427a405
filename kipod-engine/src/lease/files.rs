//! The files of a cluster that is shared by tests.

use std::path::{Path, PathBuf};

use super::lock::{LeaseError, Lock};

/// The files of a cluster that is shared by tests: locks, and the state that the next holder of a
/// lock needs.
#[derive(Debug, Clone)]
pub struct ClusterFiles {
    directory: PathBuf,
    name: String,
}

impl ClusterFiles {
    /// Returns the files of the cluster `name` in kipod's state directory.
    pub fn new(state: &Path, name: &str) -> Self {
        Self { directory: state.join("test"), name: name.to_owned() }
    }

    /// Returns the files of every cluster that has any, sorted by name.
    pub fn all(state: &Path) -> Vec<Self> {
        let directory = state.join("test");
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        // Names of clusters have no dot, so a file's name starts with that of its cluster.
        let name = |entry: std::fs::DirEntry| {
            entry.file_name().to_str()?.split_once('.').map(|(name, _)| name.to_owned())
        };
        let mut names: Vec<String> = entries.filter_map(name).collect();
        names.sort();
        names.dedup();
        names.into_iter().map(|name| Self { directory: directory.clone(), name }).collect()
    }

    /// Returns the cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.name))
    }

    /// Returns the lock for the cluster's existence: shared to look it up, exclusive to create or
    /// delete it. The exclusive holder writes its current operation into the file.
    pub fn gate(&self) -> PathBuf {
        self.path("gate")
    }

    /// Returns the lock for using the cluster: shared by all users.
    pub fn lease(&self) -> PathBuf {
        self.path("lease")
    }

    /// Returns the file with the [`Phase`](super::Phase) of the cluster.
    pub fn state(&self) -> PathBuf {
        self.path("json")
    }

    /// Returns the directory with one file for each namespace to keep.
    pub fn kept(&self) -> PathBuf {
        self.path("kept")
    }

    /// Returns the list of applied manifests, one per line. It is locked while manifests are applied.
    pub fn applied(&self) -> PathBuf {
        self.path("applied")
    }

    /// Returns the log with the errors of the last reaper.
    pub fn log(&self) -> PathBuf {
        self.path("log")
    }

    /// Returns the lock of a run's reaper, which holds it exclusively.
    pub fn reaper(&self, run: &str) -> PathBuf {
        self.path(&format!("{REAPER}{run}"))
    }

    /// Returns the lock files of all reapers, whether they are held or not.
    pub fn reapers(&self) -> Vec<PathBuf> {
        self.with_prefix(&format!("{}.{REAPER}", self.name))
    }

    /// Returns all existing files, sorted by name.
    pub fn present(&self) -> Vec<PathBuf> {
        self.with_prefix(&format!("{}.", self.name))
    }

    fn with_prefix(&self, prefix: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        let mut paths: Vec<PathBuf> = ours.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Returns whether a process looks up, creates, deletes or uses the cluster, or a run that used it
    /// is still active. Does not create files.
    pub fn is_in_use(&self) -> bool {
        let locks = [self.gate(), self.lease(), self.applied()];
        // Reapers probe each other's locks with a shared lock as well, so only an exclusive lock
        // shows that a reaper is alive.
        locks.iter().any(|path| Lock::is_locked(path))
            || self.reapers().iter().any(|path| Lock::is_locked_exclusively(path))
    }

    /// Removes all files of an unused cluster. The caller holds the gate and the lease exclusively. A
    /// reaper that waits for them keeps its own file.
    ///
    /// # Errors
    ///
    /// If the state cannot be removed.
    pub fn remove(&self, gate: Lock, lease: Lock) -> Result<(), LeaseError> {
        self.forget_content();
        self.set_phase(None)?;
        // The temporary file of a process that was killed while it wrote the state.
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
    fn remove_keeps_only_the_file_of_a_running_reaper() {
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
        let running = Lock::exclusive(&files.reaper("alive"), || {}).unwrap();
        let names = |all: Vec<ClusterFiles>| -> Vec<String> {
            all.iter().map(|files| files.name().to_owned()).collect()
        };
        assert_eq!(names(ClusterFiles::all(state.path())), ["demo", "demo-2"]);
        files.remove(gate, lease).unwrap();
        assert_eq!(files.reapers(), [files.reaper("alive")]);
        running.remove();
        let left: Vec<_> =
            std::fs::read_dir(state.path().join("test")).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(names(ClusterFiles::all(state.path())), ["demo-2"]);
    }
}
