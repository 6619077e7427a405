//! File locks, which the kernel releases when their holder ends.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::util::fs::create_private_dir;

/// Timeout of [`Lock::try_exclusive_with_retry`]: processes that only look up the state of a lock,
/// or are about to end, hold it for microseconds.
const RETRY_TIMEOUT: Duration = Duration::from_millis(100);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A lock file or state file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot access `{}`", .path.display())]
pub struct LeaseError {
    /// The file or directory.
    pub path: PathBuf,
    /// The cause.
    pub source: std::io::Error,
}

impl LeaseError {
    /// Returns a constructor of errors for `path`, for `map_err`.
    pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// A file lock, released on drop or when the process ends.
///
/// The locked file is always the one at the path: if its previous holder removed it between opening
/// and locking it here, the new file is locked instead. Exclusive holders may therefore
/// [remove](Self::remove) the file.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Locks `path` exclusively; blocks. Calls `waiting` first if the lock is held.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or locked.
    pub fn exclusive(path: &Path, waiting: impl FnOnce()) -> Result<Self, LeaseError> {
        Self::take(path, waiting, File::try_lock, File::lock)
    }

    /// Locks `path` shared; blocks. Calls `waiting` first if the lock is held exclusively.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or locked.
    pub fn shared(path: &Path, waiting: impl FnOnce()) -> Result<Self, LeaseError> {
        Self::take(path, waiting, File::try_lock_shared, File::lock_shared)
    }

    /// Locks `path` exclusively; returns `None` if the lock is held.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or locked.
    pub fn try_exclusive(path: &Path) -> Result<Option<Self>, LeaseError> {
        loop {
            let file = open(path)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => {
                    return Ok(Some(Self { path: path.to_owned(), file }));
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(LeaseError::at(path)(source)),
            }
        }
    }

    /// Retries [`try_exclusive`](Self::try_exclusive) for up to 100 ms; blocks.
    pub(crate) fn try_exclusive_with_retry(path: &Path) -> Result<Option<Self>, LeaseError> {
        let since = Instant::now();
        loop {
            match Self::try_exclusive(path)? {
                None if since.elapsed() < RETRY_TIMEOUT => std::thread::sleep(POLL_INTERVAL),
                lock => return Ok(lock),
            }
        }
    }

    /// Returns whether `path` is locked exclusively. Does not create the file. Holds a shared lock for
    /// an instant.
    pub fn is_locked_exclusively(path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Returns whether `path` is locked, exclusively or shared. Does not create the file.
    pub fn is_locked(path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        matches!(file.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Writes the holder's current operation into the file, for messages of waiting processes only.
    pub fn note(&self, text: &str) {
        // The text is informational.
        let _ = self.file.set_len(0);
        let _ = std::os::unix::fs::FileExt::write_all_at(&self.file, text.as_bytes(), 0);
    }

    /// Removes the file while the lock is still held, then releases the lock.
    pub fn remove(self) {
        // A remaining file has no effect.
        let _ = std::fs::remove_file(&self.path);
    }

    fn take(
        path: &Path,
        waiting: impl FnOnce(),
        try_lock: fn(&File) -> Result<(), TryLockError>,
        lock: fn(&File) -> std::io::Result<()>,
    ) -> Result<Self, LeaseError> {
        let mut waiting = Some(waiting);
        loop {
            let file = open(path)?;
            match try_lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    lock(&file).map_err(LeaseError::at(path))?;
                }
                Err(TryLockError::Error(source)) => return Err(LeaseError::at(path)(source)),
            }
            if is_at(&file, path) {
                return Ok(Self { path: path.to_owned(), file });
            }
        }
    }
}

/// Returns whether `file` is still the one at `path`. Its previous holder may have removed it after
/// it was opened here, and another process may hold a new one.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(theirs)) => identity(ours) == identity(theirs),
        _ => false,
    }
}

/// Opens a lock file, and creates it if it is missing.
pub(super) fn open(path: &Path) -> Result<File, LeaseError> {
    if let Some(directory) = path.parent() {
        create_private_dir(directory).map_err(LeaseError::at(directory))?;
    }
    let mut options = OpenOptions::new();
    // Other users who can open the file could hold the lock.
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(LeaseError::at(path))
}

/// An exclusive lock whose file is removed on drop.
#[derive(Debug)]
pub(crate) struct RemoveOnDrop(Option<Lock>);

impl From<Lock> for RemoveOnDrop {
    fn from(lock: Lock) -> Self {
        Self(Some(lock))
    }
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if let Some(lock) = self.0.take() {
            lock.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusive_locks_exclude_shared_locks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lease");
        let never = || panic!("had to wait");
        let one = Lock::shared(&path, never).unwrap();
        let two = Lock::shared(&path, never).unwrap();
        assert!(!Lock::is_locked_exclusively(&path) && Lock::is_locked(&path));
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        drop(one);
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        drop(two);
        let exclusive = Lock::try_exclusive(&path).unwrap().unwrap();
        assert!(Lock::is_locked_exclusively(&path));
        let (waiting, waits) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn({
            let path = path.clone();
            move || Lock::shared(&path, || waiting.send(()).unwrap()).map(drop).unwrap()
        });
        waits.recv().unwrap();
        drop(exclusive);
        waiter.join().unwrap();
    }

    #[test]
    fn other_users_cannot_open_locks() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("locks/demo.lock");
        let _lock = Lock::exclusive(&path, || {}).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
    }

    #[test]
    fn waiter_locks_the_new_file_after_removal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gate");
        let first = Lock::exclusive(&path, || {}).unwrap();
        let (waiting, waits) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn({
            let path = path.clone();
            move || Lock::exclusive(&path, || waiting.send(()).unwrap()).unwrap()
        });
        waits.recv().unwrap();
        first.remove();
        let second = waiter.join().unwrap();
        assert!(path.exists() && Lock::try_exclusive(&path).unwrap().is_none());
        second.remove();
        assert!(!Lock::is_locked_exclusively(&path) && !Lock::is_locked(&path) && !path.exists());
    }
}
