//! The files of one cluster, and the locks on them.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::SetupError;

/// The files of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    folder: PathBuf,
    name: String,
}

/// A lock that goes with the value, or with the process.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Files {
    /// The files of the cluster `name` below the harness's folder.
    pub(crate) fn new(state: &Path, name: &str) -> Self {
        Self { folder: state.join("test"), name: name.to_owned() }
    }

    /// The files of every cluster that the harness made, this one included.
    pub(crate) fn all(&self) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let name = |entry: std::fs::DirEntry| {
            entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned)
        };
        let of = |name| Self { folder: self.folder.clone(), name };
        entries.flatten().filter_map(name).map(of).collect()
    }

    /// The cluster's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.name))
    }

    /// Held to create, delete or look at the cluster.
    pub(crate) fn gate(&self) -> PathBuf {
        self.path("gate")
    }

    /// Held by everyone who uses the cluster.
    pub(crate) fn lease(&self) -> PathBuf {
        self.path("lease")
    }

    /// How far the cluster is.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("json")
    }

    /// One file for each namespace that has to stay.
    pub(crate) fn kept(&self) -> PathBuf {
        self.path("kept")
    }

    /// Which manifests have been applied, a line each; locked while that is done.
    pub(crate) fn applied(&self) -> PathBuf {
        self.path("applied")
    }

    /// What the last reaper could not do.
    pub(crate) fn log(&self) -> PathBuf {
        self.path("log")
    }

    /// Held by the one reaper of a run.
    pub(crate) fn reaper(&self, run: &str) -> PathBuf {
        self.path(&format!("reaper-{run}"))
    }
}

/// Opens a lock file. It stays for ever: one that is removed while somebody waits for it would be
/// locked twice.
pub(crate) fn open(path: &Path) -> Result<File, SetupError> {
    let io = |source| SetupError::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)
}

impl Lock {
    /// Locks `path` for itself alone, as soon as it can; blocks. Calls `waiting` first where it
    /// cannot at once.
    pub(crate) fn exclusive(path: &Path, waiting: impl FnOnce()) -> Result<Self, SetupError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => return Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => waiting(),
            Err(TryLockError::Error(source)) => {
                return Err(SetupError::Io { path: path.to_owned(), source });
            }
        }
        file.lock().map_err(|source| SetupError::Io { path: path.to_owned(), source })?;
        Ok(Self { _file: file })
    }

    /// Locks `path` together with others, as soon as nobody has it alone; blocks. Calls `waiting`
    /// first where it cannot at once.
    pub(crate) fn shared(path: &Path, waiting: impl FnOnce()) -> Result<Self, SetupError> {
        let file = open(path)?;
        match file.try_lock_shared() {
            Ok(()) => return Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => waiting(),
            Err(TryLockError::Error(source)) => {
                return Err(SetupError::Io { path: path.to_owned(), source });
            }
        }
        file.lock_shared().map_err(|source| SetupError::Io { path: path.to_owned(), source })?;
        Ok(Self { _file: file })
    }

    /// Locks `path` for itself alone if nobody has it.
    pub(crate) fn try_exclusive(path: &Path) -> Result<Option<Self>, SetupError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => {
                Err(SetupError::Io { path: path.to_owned(), source })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_excludes_whom() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path(), "demo");
        let never = || panic!("had to wait");
        let one = Lock::shared(&files.lease(), never).unwrap();
        let two = Lock::shared(&files.lease(), never).unwrap();
        assert!(Lock::try_exclusive(&files.lease()).unwrap().is_none());
        drop(one);
        assert!(Lock::try_exclusive(&files.lease()).unwrap().is_none());
        drop(two);
        let alone = Lock::try_exclusive(&files.lease()).unwrap().unwrap();
        let path = files.lease();
        let (told, waits) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn(move || {
            Lock::shared(&path, || told.send(()).unwrap()).map(drop).unwrap();
        });
        waits.recv().unwrap();
        drop(alone);
        waiter.join().unwrap();
    }
}
