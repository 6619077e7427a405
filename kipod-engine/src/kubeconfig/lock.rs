//! The lock of a kubeconfig, compatible with Kubernetes clients in Go: the file `PATH.lock`, which a
//! process must create before it writes `PATH`.
//!
//! Go clients fail immediately if the file exists, and leave it behind when they are killed. kipod
//! waits for the lock, and detects its own leftovers: it writes a mark into the file and also locks the
//! file with `flock`, which the kernel releases when the process ends. A marked file that can be locked
//! is therefore a leftover, and is taken over. The mark contains the machine id and boot id, because
//! not every network file system shares `flock` locks between hosts. A file without a mark is never
//! removed: kipod waits for it until the timeout, and then reports it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use crate::util::bounded;

/// The initial and maximum poll interval for a held lock.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// The maximum size of a mark.
const MARK_LIMIT: u64 = 4096;

/// A held lock, released on drop.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
    file: File,
}

/// The reason why a lock was not taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process holds it.
    Held {
        /// A description of the holder.
        holder: String,
    },
    /// The lock file could not be created.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl FileLock {
    /// Takes the lock at `path`, in an existing directory. Waits until `deadline` while it is held.
    pub(super) fn acquire(path: &Path, deadline: Instant) -> Result<Self, LockError> {
        let (mut interval, maximum) = POLL_INTERVALS;
        loop {
            match Self::try_acquire(path)? {
                Ok(lock) => return Ok(lock),
                Err(holder) if Instant::now() >= deadline => {
                    return Err(LockError::Held { holder });
                }
                Err(_) => {}
            }
            std::thread::sleep(interval.min(deadline.saturating_duration_since(Instant::now())));
            interval = (interval * 2).min(maximum);
        }
    }

    /// Tries to take the lock once. The inner error describes the holder.
    fn try_acquire(path: &Path) -> io::Result<Result<Self, String>> {
        match create(path) {
            Ok(file) => return Ok(Ok(Self { path: path.to_owned(), file })),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let foreign = || Ok(Err("another program".to_owned()));
        // Go clients create the file with mode 0, so it cannot be read.
        let Ok(mut file) = OpenOptions::new().read(true).write(true).open(path) else {
            return foreign();
        };
        let bytes = bounded::read_opened(&mut file, MARK_LIMIT).unwrap_or_default();
        let Some(mark) = Mark::parse(&String::from_utf8_lossy(&bytes)) else { return foreign() };
        let holder = format!("kipod, process {}", mark.process);
        if !mark.is_local() {
            return Ok(Err(holder));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return Ok(Err(holder)),
        }
        let mut lock = Self { path: path.to_owned(), file };
        if !lock.is_in_place() {
            // The holder released it after it was opened here. Drop removes nothing.
            return Ok(Err(holder));
        }
        // The holder has ended, and no other process can lock the file: this process takes it over.
        lock.file.rewind()?;
        lock.file.set_len(0)?;
        lock.file.write_all(Mark::own().to_string().as_bytes())?;
        Ok(Ok(lock))
    }

    /// Returns whether the locked file is the one at the path.
    fn is_in_place(&self) -> bool {
        let at_path = std::fs::symlink_metadata(&self.path);
        let (Ok(locked), Ok(at_path)) = (self.file.metadata(), at_path) else { return false };
        (locked.dev(), locked.ino()) == (at_path.dev(), at_path.ino())
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // If the user removed the file, another process may have created a new one. The file is closed
        // only after this, so that no process takes it over in between.
        if self.is_in_place() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Creates the lock file, which is marked and locked as soon as it is visible.
fn create(path: &Path) -> io::Result<File> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let unnamed = rustix::fs::openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR);
    if let Ok(unnamed) = unnamed {
        let file = File::from(unnamed);
        mark(&file)?;
        let source = format!("/proc/self/fd/{}", file.as_raw_fd());
        match rustix::fs::linkat(CWD, source, CWD, path, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::EXIST) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
    }
    // The file system does not support unnamed files. If this process is killed before the file is
    // marked, its leftover cannot be distinguished from another program's lock.
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    if let Err(error) = mark(&file) {
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

fn mark(mut file: &File) -> io::Result<()> {
    // If the file system does not support locks, other processes cannot detect that this process is
    // alive. Without a mark they do not take the file over.
    match file.try_lock() {
        Ok(()) => file.write_all(Mark::own().to_string().as_bytes()),
        Err(_) => Ok(()),
    }
}

/// Parses any lock file, for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(super) fn parse_any(text: &str) {
    let _ = Mark::parse(text);
}

/// kipod's mark in a lock file.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    process: u32,
    boot: String,
    machine: String,
}

impl Mark {
    fn own() -> Self {
        let read = |path: &str| {
            let text = bounded::read_text(Path::new(path), MARK_LIMIT);
            text.map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        Self {
            process: std::process::id(),
            boot: read("/proc/sys/kernel/random/boot_id"),
            machine: read("/etc/machine-id"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut value = |key: &str| lines.next()?.strip_prefix(key).map(str::to_owned);
        let process = value("kipod process ")?.parse().ok()?;
        Some(Self { process, boot: value("boot ")?, machine: value("machine ")? })
    }

    /// Returns whether the mark was written in this boot, or on this host before its last boot. In both
    /// cases the process has ended if the file can be locked.
    fn is_local(&self) -> bool {
        let own = Self::own();
        let same = |this: &str, that: &str| !this.is_empty() && this == that;
        same(&self.boot, &own.boot) || same(&self.machine, &own.machine)
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { process, boot, machine } = self;
        writeln!(f, "kipod process {process}\nboot {boot}\nmachine {machine}")
    }
}
