//! How far a cluster is, and which of its namespaces have to stay.

use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use super::files::Files;
use crate::error::SetupError;

/// How far a cluster is that the harness made. No state means it made none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "phase", content = "identity")]
pub(crate) enum Phase {
    /// It is being created, or its creation was cut off.
    Creating,
    /// It is whole. The identity is its source's.
    Ready(String),
    /// It is being deleted, or its deletion was cut off.
    Deleting(String),
}

impl Phase {
    /// Whether this is the state of the cluster that `identity` stands for. What was cut off while
    /// it was created has none: a whole cluster of its name was made by somebody else.
    pub(crate) fn is_of(&self, identity: &str) -> bool {
        matches!(self, Self::Ready(ours) | Self::Deleting(ours) if ours == identity)
    }
}

/// A namespace that has to stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The namespace.
    pub(crate) namespace: String,
    /// The test it belongs to, as its label has it.
    pub(crate) test: String,
    /// The run it belongs to.
    pub(crate) run: String,
}

impl Files {
    /// How far the cluster is. A file that says nothing means that something was cut off.
    pub(crate) fn phase(&self) -> Result<Option<Phase>, SetupError> {
        let path = self.state();
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or(Phase::Creating))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SetupError::Io { path, source }),
        }
    }

    /// Writes how far the cluster is; only who has the gate may.
    pub(crate) fn set_phase(&self, phase: Option<&Phase>) -> Result<(), SetupError> {
        let path = self.state();
        let written = match phase {
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                done => done,
            },
            Some(phase) => {
                let text = serde_json::to_vec(phase).unwrap_or_default();
                // Nobody reads it without the gate, so it need not be replaced at once.
                std::fs::write(&path, text)
            }
        };
        written.map_err(|source| SetupError::Io { path, source })
    }

    /// Says that a namespace has to stay, until [`unkeep`](Self::unkeep) says otherwise.
    pub(crate) fn keep(&self, kept: &Kept) -> Result<(), SetupError> {
        let path = self.kept().join(&kept.namespace);
        let text = serde_json::to_vec(kept).unwrap_or_default();
        std::fs::create_dir_all(self.kept())
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|source| SetupError::Io { path, source })
    }

    /// Says that a namespace need not stay.
    pub(crate) fn unkeep(&self, namespace: &str) {
        // Nothing is lost when it fails: the namespace is then deleted with its test's next run.
        let _ = std::fs::remove_file(self.kept().join(namespace));
    }

    /// Every namespace that has to stay.
    pub(crate) fn all_kept(&self) -> Vec<Kept> {
        let Ok(entries) = std::fs::read_dir(self.kept()) else { return Vec::new() };
        let read = |entry: std::fs::DirEntry| {
            serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok()
        };
        entries.flatten().filter_map(read).collect()
    }

    /// Forgets every namespace and manifest, because their cluster is gone.
    pub(crate) fn forget_content(&self) {
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
        let files = Files::new(folder.path(), "demo");
        std::fs::create_dir_all(folder.path().join("test")).unwrap();
        assert_eq!(files.phase().unwrap(), None);
        for phase in [Phase::Creating, Phase::Ready("1".into()), Phase::Deleting("1".into())] {
            files.set_phase(Some(&phase)).unwrap();
            assert_eq!(files.phase().unwrap(), Some(phase));
        }
        std::fs::write(files.state(), "").unwrap();
        assert_eq!(files.phase().unwrap(), Some(Phase::Creating), "cut off while writing");
        files.set_phase(None).unwrap();
        files.set_phase(None).unwrap();
        assert_eq!(files.phase().unwrap(), None);
        assert!(Phase::Ready("1".into()).is_of("1") && !Phase::Ready("1".into()).is_of("2"));
        assert!(!Phase::Creating.is_of("1"));

        let kept = |n: &str| Kept { namespace: n.into(), test: "t".into(), run: "r".into() };
        files.keep(&kept("a")).unwrap();
        files.keep(&kept("b")).unwrap();
        files.unkeep("a");
        assert_eq!(files.all_kept(), [kept("b")]);
        files.forget_content();
        assert_eq!(files.all_kept(), []);
    }
}
