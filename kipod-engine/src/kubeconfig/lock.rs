//! The lock beside a kubeconfig, as every Kubernetes client in Go takes it: the file `PATH.lock`,
//! which whoever wants to write `PATH` must be the one to create.
//!
//! Those clients give up at once when it is there, and leave it behind when they are killed; then it
//! is there for good. kipod waits, and can tell its own remains from a lock that is held: it puts a
//! mark into the file and keeps the file locked (`flock`) as well, for the kernel ends that lock
//! with the process, whatever way it dies. So a marked file that can be locked is nobody's any more,
//! and is taken over. The mark says on which machine and boot it was made, as not every network file
//! system carries such a lock to other machines. A file without a mark says nothing about who made
//! it, and is never taken away: it is waited for, and then reported.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// The first and longest pause between two looks at a lock that is held.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
    file: File,
}

/// Why a lock was not taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Somebody has it.
    Held {
        /// Who, in words.
        holder: String,
    },
    /// The lock file could not be made.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl FileLock {
    /// Takes the lock at `path`, a file in a folder that exists, and waits for it to be free until
    /// `deadline`.
    pub(super) fn acquire(path: &Path, deadline: Instant) -> Result<Self, LockError> {
        let (mut pause, longest) = PAUSES;
        loop {
            match Self::try_acquire(path)? {
                Ok(lock) => return Ok(lock),
                Err(holder) if Instant::now() >= deadline => {
                    return Err(LockError::Held { holder });
                }
                Err(_) => {}
            }
            std::thread::sleep(pause.min(deadline.saturating_duration_since(Instant::now())));
            pause = (pause * 2).min(longest);
        }
    }

    /// One attempt; the inner error says who holds it.
    fn try_acquire(path: &Path) -> io::Result<Result<Self, String>> {
        match create(path) {
            Ok(file) => return Ok(Ok(Self { path: path.to_owned(), file })),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let stranger = || Ok(Err("another program".to_owned()));
        // Go's clients make it with mode 0, so that it cannot even be read.
        let Ok(mut file) = OpenOptions::new().read(true).write(true).open(path) else {
            return stranger();
        };
        let mut text = String::new();
        if file.read_to_string(&mut text).is_err() {
            return stranger();
        }
        let Some(mark) = Mark::parse(&text) else { return stranger() };
        let holder = format!("kipod, process {}", mark.process);
        if !mark.is_of_this_kernel() {
            return Ok(Err(holder));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return Ok(Err(holder)),
        }
        let mut lock = Self { path: path.to_owned(), file };
        if !lock.is_in_place() {
            // It was let go of after it was opened. There is nothing to be removed on drop.
            return Ok(Err(holder));
        }
        // Whoever held it is gone, and nobody else can have come here: the lock changes hands.
        lock.file.rewind()?;
        lock.file.set_len(0)?;
        lock.file.write_all(Mark::own().to_string().as_bytes())?;
        Ok(Ok(lock))
    }

    /// Whether the file that is locked is the one at the path.
    fn is_in_place(&self) -> bool {
        let there = std::fs::symlink_metadata(&self.path);
        let (Ok(here), Ok(there)) = (self.file.metadata(), there) else { return false };
        (here.dev(), here.ino()) == (there.dev(), there.ino())
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // If somebody removed it by hand, the one that is there now is somebody else's. The file is
        // closed after this, so that nobody takes it over in between.
        if self.is_in_place() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the lock file, marked and locked from the moment it can be seen.
fn create(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let unnamed = rustix::fs::openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR);
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
    // The file system has no unnamed files. Killed before the next two lines are done, this process
    // would leave a lock that nobody can tell from another program's.
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    if let Err(error) = mark(&file) {
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

fn mark(mut file: &File) -> io::Result<()> {
    // Where the file system cannot lock it, nobody could see that this process lives. Without a mark
    // nobody asks.
    match file.try_lock() {
        Ok(()) => file.write_all(Mark::own().to_string().as_bytes()),
        Err(_) => Ok(()),
    }
}

/// What kipod writes into a lock file.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    process: u32,
    boot: String,
    machine: String,
}

impl Mark {
    fn own() -> Self {
        let read = |path: &str| {
            std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
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

    /// Whether the process that made it was one of this kernel, or of this machine before its last
    /// boot: then it is gone once the file can be locked.
    fn is_of_this_kernel(&self) -> bool {
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
