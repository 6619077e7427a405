//! A lock on a file, which goes with its value or with its process.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a lock that somebody has is waited for: those who only look, and those who are just
/// ending, have it for microseconds.
const PATIENCE: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_millis(5);

/// A file of this room that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {source}", .path.display())]
pub struct LeaseError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

impl LeaseError {
    /// An error of `path`, for `map_err`.
    pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// A lock that goes with this value, or with the process.
///
/// The file is always the one at the path: a file that its last holder took away, between our opening
/// and our locking it, is let go of, and the new one is locked instead. So lock files may be
/// [removed](Self::remove) by whoever holds them alone.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Locks `path` for itself alone, as soon as it can; blocks. Calls `waiting` first where it
    /// cannot at once.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or locked.
    pub fn exclusive(path: &Path, waiting: impl FnOnce()) -> Result<Self, LeaseError> {
        Self::take(path, waiting, File::try_lock, File::lock)
    }

    /// Locks `path` together with others, as soon as nobody has it alone; blocks. Calls `waiting`
    /// first where it cannot at once.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or locked.
    pub fn shared(path: &Path, waiting: impl FnOnce()) -> Result<Self, LeaseError> {
        Self::take(path, waiting, File::try_lock_shared, File::lock_shared)
    }

    /// Locks `path` for itself alone if nobody has it.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or locked.
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

    /// [`try_exclusive`](Self::try_exclusive), with no more than a moment's wait; blocks.
    pub(crate) fn soon_exclusive(path: &Path) -> Result<Option<Self>, LeaseError> {
        let since = Instant::now();
        loop {
            match Self::try_exclusive(path)? {
                None if since.elapsed() < PATIENCE => std::thread::sleep(POLL),
                lock => return Ok(lock),
            }
        }
    }

    /// Whether somebody has `path` for himself alone. Makes no file. Who looks has it shared for an
    /// instant.
    pub fn is_held_alone(path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Whether somebody has `path`, alone or with others. Makes no file.
    pub fn is_held(path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        matches!(file.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Writes into the file what its holder is about to do, for those who wait. Nobody decides by it.
    pub fn note(&self, text: &str) {
        // Only untidy where it fails.
        let _ = self.file.set_len(0);
        let _ = std::os::unix::fs::FileExt::write_all_at(&self.file, text.as_bytes(), 0);
    }

    /// Takes the file away while it is still held, and lets go.
    pub fn remove(self) {
        // A file that stays is only untidy.
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

/// Whether `file` is still the one at `path`: its last holder may have taken it away between our
/// opening and our locking it, and then somebody else may hold a new one.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(theirs)) => identity(ours) == identity(theirs),
        _ => false,
    }
}

/// Opens a lock file, and makes it where it is not there.
pub(super) fn open(path: &Path) -> Result<File, LeaseError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(LeaseError::at(folder))?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(LeaseError::at(path))
}

/// A lock whose file goes with it: what the locks are made of that one holder at a time has.
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
    fn who_excludes_whom() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease");
        let never = || panic!("had to wait");
        let one = Lock::shared(&path, never).unwrap();
        let two = Lock::shared(&path, never).unwrap();
        assert!(!Lock::is_held_alone(&path) && Lock::is_held(&path));
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        drop(one);
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        drop(two);
        let alone = Lock::try_exclusive(&path).unwrap().unwrap();
        assert!(Lock::is_held_alone(&path));
        let (told, waits) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn({
            let path = path.clone();
            move || Lock::shared(&path, || told.send(()).unwrap()).map(drop).unwrap()
        });
        waits.recv().unwrap();
        drop(alone);
        waiter.join().unwrap();
    }

    #[test]
    fn who_waited_for_a_file_that_went_gets_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate");
        let first = Lock::exclusive(&path, || {}).unwrap();
        let (told, waits) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn({
            let path = path.clone();
            move || Lock::exclusive(&path, || told.send(()).unwrap()).unwrap()
        });
        waits.recv().unwrap();
        first.remove();
        let second = waiter.join().unwrap();
        assert!(path.exists() && Lock::try_exclusive(&path).unwrap().is_none());
        second.remove();
        assert!(!Lock::is_held_alone(&path) && !Lock::is_held(&path) && !path.exists());
    }
}
