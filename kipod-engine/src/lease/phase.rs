//! The state file of a cluster shared by tests (creating, ready, deleting), and marks of kept namespaces.

use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use super::files::ClusterFiles;
use super::lock::LeaseError;
use crate::util::bounded::{self, TEXT_LIMIT};
use crate::util::fs::create_private_dir;

/// The phase of a cluster that tests created. Without a state file, tests created no cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "phase", content = "identity")]
#[non_exhaustive]
pub enum Phase {
    /// Creation is running, or was interrupted. Contains the time of the cluster's record, in seconds
    /// since the Unix epoch.
    Creating(i64),
    /// Creation is complete. Contains the identity of the cluster's record.
    Ready(String),
    /// Deletion is running, or was interrupted. Contains the identity of the cluster's record.
    Deleting(String),
}

impl Phase {
    /// Returns whether this is the phase of the cluster with that identity, and not of another cluster
    /// of the same name.
    pub fn is_of(&self, identity: &str) -> bool {
        match self {
            // Creation is complete if a record exists, even if the process ended before it wrote
            // `Ready`.
            Self::Creating(since) => {
                identity.strip_prefix(&since.to_string()).is_some_and(|rest| rest.starts_with('-'))
            }
            Self::Ready(ours) | Self::Deleting(ours) => ours == identity,
        }
    }
}

/// A namespace that is kept, and with it its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The namespace.
    pub namespace: String,
    /// The namespace's test, as in its label.
    pub test: String,
    /// The namespace's run.
    pub run: String,
}

impl ClusterFiles {
    /// Reads the phase of the cluster. An invalid file means that creation was interrupted.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn phase(&self) -> Result<Option<Phase>, LeaseError> {
        let path = self.state();
        match bounded::read(&path, TEXT_LIMIT) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or(Phase::Creating(0)))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LeaseError { path, source }),
        }
    }

    /// Writes the phase of the cluster. The caller holds the gate exclusively.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn set_phase(&self, phase: Option<&Phase>) -> Result<(), LeaseError> {
        let path = self.state();
        let new = path.with_extension("json.new");
        let written = match phase {
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                done => done,
            },
            // Written atomically: with an invalid state, no process would delete the cluster.
            Some(phase) => std::fs::write(&new, serde_json::to_vec(phase).unwrap_or_default())
                .and_then(|()| std::fs::rename(&new, &path)),
        };
        written.map_err(|source| LeaseError { path, source })
    }

    /// Marks a namespace as kept, until [`unkeep`](Self::unkeep) is called.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn keep(&self, kept: &Kept) -> Result<(), LeaseError> {
        let path = self.kept().join(&kept.namespace);
        let text = serde_json::to_vec(kept).unwrap_or_default();
        create_private_dir(&self.kept())
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|source| LeaseError { path, source })
    }

    /// Removes the mark of a kept namespace.
    pub fn unkeep(&self, namespace: &str) {
        // On failure the namespace is deleted by the next run of its test.
        let _ = std::fs::remove_file(self.kept().join(namespace));
    }

    /// Returns all kept namespaces.
    pub fn all_kept(&self) -> Vec<Kept> {
        let Ok(entries) = std::fs::read_dir(self.kept()) else { return Vec::new() };
        let read = |entry: std::fs::DirEntry| {
            serde_json::from_slice(&bounded::read(&entry.path(), TEXT_LIMIT).ok()?).ok()
        };
        entries.flatten().filter_map(read).collect()
    }

    /// Removes the marks of kept namespaces and applied manifests after the cluster was deleted.
    pub fn forget_content(&self) {
        let _ = std::fs::remove_dir_all(self.kept());
        // No process applies manifests to an unused cluster.
        let _ = std::fs::remove_file(self.applied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_and_kept_namespaces_are_stored() {
        let directory = tempfile::tempdir().unwrap();
        let files = ClusterFiles::new(directory.path(), "demo");
        std::fs::create_dir_all(directory.path().join("test")).unwrap();
        assert_eq!(files.phase().unwrap(), None);
        for phase in [Phase::Creating(7), Phase::Ready("1".into()), Phase::Deleting("1".into())] {
            files.set_phase(Some(&phase)).unwrap();
            assert_eq!(files.phase().unwrap(), Some(phase));
        }
        std::fs::write(files.state(), "").unwrap();
        assert_eq!(files.phase().unwrap(), Some(Phase::Creating(0)), "interrupted while writing");
        files.set_phase(None).unwrap();
        files.set_phase(None).unwrap();
        assert_eq!(files.phase().unwrap(), None);
        assert!(Phase::Ready("1".into()).is_of("1") && !Phase::Ready("1".into()).is_of("2"));
        assert!(Phase::Creating(17).is_of("17-4") && !Phase::Creating(1).is_of("17-4"));

        let kept = |n: &str| Kept { namespace: n.into(), test: "t".into(), run: "r".into() };
        files.keep(&kept("a")).unwrap();
        files.keep(&kept("b")).unwrap();
        files.unkeep("a");
        assert_eq!(files.all_kept(), [kept("b")]);
        files.forget_content();
        assert_eq!(files.all_kept(), []);
    }
}
