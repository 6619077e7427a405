//! An edit of several kubeconfig files: locked, read and edited first, and written afterwards.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};

use super::document::Document;
use super::error::KubeconfigError;
use super::lock::{FileLock, LockError};
use super::user::Documents;
use super::{location, replace};
use crate::util::bounded::{self, TEXT_LIMIT};

/// The treatment of a missing directory of the file for new entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directories {
    /// It is created.
    Create,
    /// It is only checked whether it could be created.
    Check,
}

/// A prepared edit. The files are locked until it is dropped.
#[derive(Debug)]
pub(super) struct Edit {
    changes: Vec<Change>,
    /// Released on drop.
    _locks: Vec<FileLock>,
}

/// A file to be written.
#[derive(Debug)]
struct Change {
    path: PathBuf,
    /// The file that a symbolic link at the path points to.
    target: PathBuf,
    text: String,
}

impl Edit {
    /// Locks and reads the files, and runs an edit on the documents, given the index of the file for new
    /// entries. Writes nothing.
    pub(super) fn prepare<T>(
        files: &[PathBuf],
        lock_timeout: Duration,
        directories: Directories,
        edit: impl Fn(&mut Documents, usize) -> T,
    ) -> Result<(Self, T), KubeconfigError> {
        let deadline = Instant::now() + lock_timeout;
        loop {
            let destination = location::destination(files);
            let wanted = wanted_locks(files, destination, directories)?;
            let locks = Locks::acquire(wanted, deadline, lock_timeout)?;
            if location::destination(files) != destination {
                // A file was created or removed before the locks were held, so other locks are needed.
                continue;
            }
            let mut documents = read_documents(files)?;
            let result = edit(&mut documents, destination);
            let changed = documents.iter().filter(|(_, (before, after))| before != after);
            let changes = changed.map(|(at, (_, after))| locks.change(&files[*at], after));
            let changes = changes.collect::<Result<_, _>>()?;
            return Ok((Self { changes, _locks: locks.held }, result));
        }
    }

    /// Returns the files that will change.
    pub(super) fn changed_files(&self) -> impl Iterator<Item = &Path> {
        self.changes.iter().map(|change| change.path.as_path())
    }

    /// Writes the files.
    pub(super) fn apply(self) -> Result<(), KubeconfigError> {
        for Change { target, text, .. } in &self.changes {
            replace::replace(target, text)
                .map_err(|source| KubeconfigError::Unwritable { path: target.clone(), source })?;
        }
        Ok(())
    }
}

/// Reads all existing files.
fn read_documents(files: &[PathBuf]) -> Result<Documents, KubeconfigError> {
    let mut documents = Documents::new();
    for (at, path) in files.iter().enumerate() {
        let bytes = match bounded::read(path, TEXT_LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => {
                return Err(KubeconfigError::Unreadable { path: path.clone(), source });
            }
        };
        let invalid = |message| KubeconfigError::Invalid { path: path.clone(), message };
        let text =
            String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8 text".to_owned()))?;
        let document = Document::parse(&text).map_err(invalid)?;
        documents.insert(at, (document.clone(), document));
    }
    Ok(documents)
}

/// Returns the lock files of all existing files, and of the file for new entries. The order is that of
/// their paths, like in `kubectl`, to prevent deadlocks.
fn wanted_locks(
    files: &[PathBuf],
    destination: usize,
    directories: Directories,
) -> Result<BTreeSet<(PathBuf, &Path)>, KubeconfigError> {
    let mut wanted = BTreeSet::new();
    for (at, path) in files.iter().enumerate() {
        // `kubectl` locks the path it is given, which may be the link or its target.
        let target = location::target(path)?;
        for name in [path, &target] {
            let Some(directory) = name.parent() else { continue };
            if at == destination {
                prepare_directory(directory, directories)
                    .map_err(|source| KubeconfigError::Unwritable { path: path.clone(), source })?;
            }
            // Locking the same file by two names would deadlock.
            let Ok(directory) = directory.canonicalize() else { continue };
            let mut file = name.file_name().unwrap_or_default().to_owned();
            file.push(".lock");
            wanted.insert((directory.join(file), path.as_path()));
        }
    }
    Ok(wanted)
}

/// Creates the directory of a file, with the mode that `kubectl` uses, or checks that it could be created.
fn prepare_directory(directory: &Path, directories: Directories) -> io::Result<()> {
    if directories == Directories::Create {
        return DirBuilder::new().recursive(true).mode(0o755).create(directory);
    }
    let existing = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    if !existing.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(access(existing, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// The locks of an edit, released on drop.
struct Locks {
    held: Vec<FileLock>,
    /// The files whose locks could not be created, and the error. That is an error only if the file, such
    /// as one in a system directory, has to be written.
    failed: Vec<(PathBuf, io::Error)>,
}

impl Locks {
    fn acquire(
        wanted: BTreeSet<(PathBuf, &Path)>,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Self, KubeconfigError> {
        let mut locks = Self { held: Vec::new(), failed: Vec::new() };
        let mut last: Option<PathBuf> = None;
        for (lock, path) in wanted {
            if last.as_ref() == Some(&lock) {
                continue;
            }
            match FileLock::acquire(&lock, deadline) {
                Ok(held) => locks.held.push(held),
                Err(LockError::Held { holder }) => {
                    return Err(KubeconfigError::Locked {
                        path: path.to_owned(),
                        lock,
                        holder,
                        waited: timeout,
                    });
                }
                Err(LockError::Io(error)) => locks.failed.push((path.to_owned(), error)),
            }
            last = Some(lock);
        }
        Ok(locks)
    }

    /// Returns the change of a file to `document`, if the file is locked.
    fn change(&self, path: &Path, document: &Document) -> Result<Change, KubeconfigError> {
        let target = location::target(path)?;
        if let Some((_, error)) = self.failed.iter().find(|(failed, _)| failed == path) {
            let source = io::Error::new(error.kind(), error.to_string());
            return Err(KubeconfigError::Unwritable { path: target, source });
        }
        let text = document
            .render()
            .map_err(|message| KubeconfigError::Invalid { path: path.to_owned(), message })?;
        Ok(Change { path: path.to_owned(), target, text })
    }
}
