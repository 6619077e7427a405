//! How far a cluster is, and which of its namespaces have to stay.

use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use super::files::ClusterFiles;
use super::lock::LeaseError;

/// How far a cluster is that tests made. No state means that they made none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "phase", content = "identity")]
pub enum Phase {
    /// It is being created since then, or its creation was cut off: seconds since the Unix epoch, as
    /// its record will have them.
    Creating(i64),
    /// It is whole. The text is its [identity](crate::cluster::Record::identity).
    Ready(String),
    /// It is being deleted, or its deletion was cut off.
    Deleting(String),
}

impl Phase {
    /// Whether this is the state of the cluster that `identity` stands for, and not of one of its name
    /// that somebody else made.
    pub fn is_of(&self, identity: &str) -> bool {
        match self {
            // Whole, although nobody came to say so: its creator died just then.
            Self::Creating(since) => {
                identity.strip_prefix(&since.to_string()).is_some_and(|rest| rest.starts_with('-'))
            }
            Self::Ready(ours) | Self::Deleting(ours) => ours == identity,
        }
    }
}

/// A namespace that has to stay, and with it its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The namespace.
    pub namespace: String,
    /// The test it belongs to, as its label has it.
    pub test: String,
    /// The run it belongs to.
    pub run: String,
}

impl ClusterFiles {
    /// How far the cluster is. A file that says nothing means that something was cut off.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn phase(&self) -> Result<Option<Phase>, LeaseError> {
        let path = self.state();
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or(Phase::Creating(0)))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LeaseError { path, source }),
        }
    }

    /// Writes how far the cluster is; only who has the gate may.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn set_phase(&self, phase: Option<&Phase>) -> Result<(), LeaseError> {
        let path = self.state();
        let new = path.with_extension("json.new");
        let written = match phase {
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                done => done,
            },
            // Whole or not at all: a cluster whose state says nothing is nobody's to delete.
            Some(phase) => std::fs::write(&new, serde_json::to_vec(phase).unwrap_or_default())
                .and_then(|()| std::fs::rename(&new, &path)),
        };
        written.map_err(|source| LeaseError { path, source })
    }

    /// Says that a namespace has to stay, until [`unkeep`](Self::unkeep) says otherwise.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn keep(&self, kept: &Kept) -> Result<(), LeaseError> {
        let path = self.kept().join(&kept.namespace);
        let text = serde_json::to_vec(kept).unwrap_or_default();
        std::fs::create_dir_all(self.kept())
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|source| LeaseError { path, source })
    }

    /// Says that a namespace need not stay.
    pub fn unkeep(&self, namespace: &str) {
        // Nothing is lost when it fails: the namespace is then deleted with its test's next run.
        let _ = std::fs::remove_file(self.kept().join(namespace));
    }

    /// Every namespace that has to stay.
    pub fn all_kept(&self) -> Vec<Kept> {
        let Ok(entries) = std::fs::read_dir(self.kept()) else { return Vec::new() };
        let read = |entry: std::fs::DirEntry| {
            serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok()
        };
        entries.flatten().filter_map(read).collect()
    }

    /// Forgets every namespace and manifest, because their cluster is gone.
    pub fn forget_content(&self) {
        let _ = std::fs::remove_dir_all(self.kept());
        // Nobody can be applying to a cluster that nobody uses.
        let _ = std::fs::remove_file(self.applied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_and_kept_namespaces_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let files = ClusterFiles::new(folder.path(), "demo");
        std::fs::create_dir_all(folder.path().join("test")).unwrap();
        assert_eq!(files.phase().unwrap(), None);
        for phase in [Phase::Creating(7), Phase::Ready("1".into()), Phase::Deleting("1".into())] {
            files.set_phase(Some(&phase)).unwrap();
            assert_eq!(files.phase().unwrap(), Some(phase));
        }
        std::fs::write(files.state(), "").unwrap();
        assert_eq!(files.phase().unwrap(), Some(Phase::Creating(0)), "cut off while writing");
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
