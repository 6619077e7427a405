//! The user's kubeconfig.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::access::Kubeconfig;
use super::document::{Document, SECTIONS};
use super::error::KubeconfigError;
use super::lock::{FileLock, LockError};
use super::{location, replace};
use crate::spec::ClusterName;
use crate::util::bounded::{self, TEXT_LIMIT};

/// The default timeout for locks that other programs hold. They hold them for milliseconds; a lock that
/// is held longer is the leftover of a killed process.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The user's kubeconfig: one file, or the list of files in `KUBECONFIG`.
///
/// The rules are `kubectl`'s. An existing entry is edited in its file. New entries and the current
/// context are written to the first file that exists, or to the last if none exists.
///
/// All other content is preserved: other entries, unknown fields, their order, comments, and the
/// spelling of values. Only blank lines, flow style and the style of quotes are not. A file is written
/// only if it changes. It is replaced atomically, through symbolic links, and keeps its mode and owner;
/// a new file has mode 0600. While it is edited it is locked like `kubectl` and `kind` do, with a file
/// `PATH.lock` next to it. Files must be regular files of at most 16 MiB.
///
/// The methods block on files and locks: call them from async code with
/// `tokio::task::spawn_blocking`.
///
/// ```no_run
/// use kipod_engine::{ClusterSpec, Engine, UserKubeconfig};
///
/// # async fn example(engine: Engine) -> Result<(), Box<dyn std::error::Error>> {
/// let user = UserKubeconfig::from_env(None)?;
/// println!("the entry is written to one of {:?}", user.files());
/// let spec = ClusterSpec::builder("demo").build()?;
/// let cluster = engine.create(spec).kubeconfig(user).await?;
/// # let _ = cluster;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserKubeconfig {
    files: Vec<PathBuf>,
    lock_timeout: Duration,
}

/// The documents of all existing files, by index: as read, and as edited.
type Documents = BTreeMap<usize, (Document, Document)>;

impl UserKubeconfig {
    /// Returns the user's kubeconfig: the `explicit` file, else the files in `KUBECONFIG`, else
    /// `~/.kube/config`. The files do not need to exist.
    ///
    /// # Errors
    ///
    /// If neither `KUBECONFIG` nor `HOME` is set, or `KUBECONFIG` contains no path.
    pub fn from_env(explicit: Option<&Path>) -> Result<Self, KubeconfigError> {
        Self::from_lookup(explicit, |name| std::env::var_os(name))
    }

    /// Returns the same as [`from_env`](Self::from_env), in the environment that `lookup` reads.
    ///
    /// # Errors
    ///
    /// Like [`from_env`](Self::from_env).
    pub fn from_lookup(
        explicit: Option<&Path>,
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, KubeconfigError> {
        Ok(Self { files: location::files(explicit, lookup)?, lock_timeout: LOCK_TIMEOUT })
    }

    /// Returns the kubeconfig in a single file, which does not need to exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { files: vec![path.into()], lock_timeout: LOCK_TIMEOUT }
    }

    /// Sets the total timeout for locks that other programs hold; 10 seconds by default.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Returns the files, at least one. Earlier files have precedence.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Adds or replaces a cluster's entries, and makes its context the current context. Returns the file
    /// with the context.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, locked in time or written, or is not a kubeconfig. If several files
    /// need changes, those before the failing one are written.
    #[doc(hidden)]
    pub fn merge(&self, kubeconfig: &Kubeconfig) -> Result<PathBuf, KubeconfigError> {
        let name = kubeconfig.context();
        let file = self.edit(|documents, destination| {
            documents.entry(destination).or_insert_with(|| (Document::new(), Document::new()));
            let mut context = destination;
            for (section, entry) in kubeconfig.entries() {
                let at = documents.iter().find(|(_, (_, document))| document.has(section, &name));
                context = at.map_or(destination, |(at, _)| *at);
                if let Some((_, document)) = documents.get_mut(&context) {
                    document.put(section, &name, entry);
                }
            }
            if let Some((_, document)) = documents.get_mut(&destination) {
                document.set_current_context(&name);
            }
            context
        })?;
        Ok(self.files[file].clone())
    }

    /// Removes a cluster's entries from all files, and returns whether there were any. If its context was
    /// the current context, there is none afterwards.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, locked in time or written, or is not a kubeconfig. If several files
    /// need changes, those before the failing one are written.
    pub fn remove(&self, cluster: &ClusterName) -> Result<bool, KubeconfigError> {
        if !self.files.iter().any(|path| path.exists()) {
            return Ok(false);
        }
        let name = cluster.context();
        self.edit(|documents, _| {
            for (_, document) in documents.values_mut() {
                for section in SECTIONS {
                    document.remove(section, &name);
                }
                if document.current_context() == name {
                    document.set_current_context("");
                }
            }
            documents.values().any(|(before, after)| before != after)
        })
    }

    /// Runs an edit on the documents, given the index of the file for new entries, and writes changed
    /// files. Holds the locks meanwhile.
    fn edit<T>(&self, edit: impl Fn(&mut Documents, usize) -> T) -> Result<T, KubeconfigError> {
        let deadline = Instant::now() + self.lock_timeout;
        loop {
            let destination = location::destination(&self.files);
            let locks = self.lock(destination, deadline)?;
            if location::destination(&self.files) != destination {
                // A file was created or removed before the locks were held, so other locks are needed.
                continue;
            }
            let mut documents = self.read()?;
            let result = edit(&mut documents, destination);
            for (at, (before, after)) in &documents {
                if before != after {
                    self.write(&self.files[*at], after, &locks)?;
                }
            }
            return Ok(result);
        }
    }

    fn read(&self) -> Result<Documents, KubeconfigError> {
        let mut documents = Documents::new();
        for (at, path) in self.files.iter().enumerate() {
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

    fn write(
        &self,
        path: &Path,
        document: &Document,
        locks: &Locks,
    ) -> Result<(), KubeconfigError> {
        let target = location::target(path)?;
        let unwritable = |source| KubeconfigError::Unwritable { path: target.clone(), source };
        if let Some((_, error)) = locks.failed.iter().find(|(failed, _)| *failed == path) {
            return Err(unwritable(io::Error::new(error.kind(), error.to_string())));
        }
        let text = document
            .render()
            .map_err(|message| KubeconfigError::Invalid { path: path.to_owned(), message })?;
        replace::replace(&target, &text).map_err(unwritable)
    }

    /// Takes the locks of all existing files, and of the file for new entries. The order is that of
    /// their paths, like in `kubectl`, to prevent deadlocks.
    ///
    /// A lock that cannot be created, such as in a system directory, is an error only if the file has
    /// to be written.
    fn lock(&self, destination: usize, deadline: Instant) -> Result<Locks, KubeconfigError> {
        let mut wanted: BTreeSet<(PathBuf, &Path)> = BTreeSet::new();
        for (at, path) in self.files.iter().enumerate() {
            // `kubectl` locks the path it is given, which may be the link or its target.
            let target = location::target(path)?;
            for name in [path, &target] {
                let Some(directory) = name.parent() else { continue };
                if at == destination {
                    create_directory(directory, path)?;
                }
                // Locking the same file by two names would deadlock.
                let Ok(directory) = directory.canonicalize() else { continue };
                let mut file = name.file_name().unwrap_or_default().to_owned();
                file.push(".lock");
                wanted.insert((directory.join(file), path));
            }
        }
        let mut locks = Locks { held: Vec::new(), failed: Vec::new() };
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
                        waited: self.lock_timeout,
                    });
                }
                Err(LockError::Io(error)) => locks.failed.push((path.to_owned(), error)),
            }
            last = Some(lock);
        }
        Ok(locks)
    }
}

/// The locks of an edit, released on drop.
struct Locks {
    held: Vec<FileLock>,
    /// The files whose locks could not be created, and the error.
    failed: Vec<(PathBuf, io::Error)>,
}

/// Creates the directory of a file, with the mode that `kubectl` uses.
fn create_directory(directory: &Path, path: &Path) -> Result<(), KubeconfigError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(|source| KubeconfigError::Unwritable { path: path.to_owned(), source })
}
