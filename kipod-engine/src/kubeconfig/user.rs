//! The user's own kubeconfig, which kipod is a guest in.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::document::{Document, SECTIONS};
use super::error::reason;
use super::lock::{FileLock, LockError};
use super::{Kubeconfig, KubeconfigError, location, replace};
use crate::spec::ClusterName;

/// How long a lock that another program holds is waited for, unless told: ten seconds. Those
/// programs hold it for milliseconds; what takes longer was left by one that was killed.
pub const LOCK_WAIT: Duration = Duration::from_secs(10);

/// The user's own kubeconfig: one file, or the list of files that `KUBECONFIG` names.
///
/// The rules are `kubectl`'s. An entry that is in one of the files already is edited there; a new
/// one goes into the first of the files that exists, or where none does, into the last. So does the
/// current context.
///
/// What is not the cluster's own is left as it is: other entries, fields that kipod does not know,
/// their order, comments, and the spelling of every value. Only blank lines, flow style and the kind
/// of quotes are not kept. A file in which nothing would change is not written. A file is replaced as
/// a whole or not at all, through symbolic links, and with the mode and owner it had; a new one has
/// mode 0600. Meanwhile it is locked in the way `kubectl` and `kind` do it, by a file `PATH.lock`
/// beside it.
///
/// The calls block on files and locks: from async code, use `tokio::task::spawn_blocking`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserKubeconfig {
    files: Vec<PathBuf>,
    lock_wait: Duration,
}

/// The documents of all files that exist, and what was read of each.
type Documents = BTreeMap<usize, (Document, Document)>;

impl UserKubeconfig {
    /// The user's kubeconfig by this process's environment: the file that `--kubeconfig` named if it
    /// did, else the files of `KUBECONFIG`, else `~/.kube/config`. None of them needs to exist.
    ///
    /// # Errors
    ///
    /// When neither `KUBECONFIG` nor `HOME` is set, or the first names no file.
    pub fn from_env(explicit: Option<&Path>) -> Result<Self, KubeconfigError> {
        Self::from_lookup(explicit, |name| std::env::var_os(name))
    }

    /// As [`from_env`](Self::from_env), in the environment that `lookup` answers for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn from_lookup(
        explicit: Option<&Path>,
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, KubeconfigError> {
        Ok(Self { files: location::files(explicit, lookup)?, lock_wait: LOCK_WAIT })
    }

    /// A single file, whether it exists or not.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { files: vec![path.into()], lock_wait: LOCK_WAIT }
    }

    /// Sets how long locks that others hold are waited for, in all; [`LOCK_WAIT`] by default.
    #[must_use]
    pub fn lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// The files, the first one winning where two have an entry of the same name; at least one.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Adds a cluster's entries, in the place of those with their names if there are any, and makes
    /// its context the current one. Answers the file that the context is in.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, locked in time or written, or is not a kubeconfig. Where several
    /// files had to be written, those before the failing one have been.
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

    /// Removes a cluster's entries from all the files, and answers whether there were any. Where its
    /// context was the current one, none is afterwards.
    ///
    /// # Errors
    ///
    /// As for [`merge`](Self::merge).
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

    /// Runs an edit on what the files hold, given which of them is for new entries, and writes those
    /// that it changed. It all happens under the locks.
    fn edit<T>(&self, edit: impl Fn(&mut Documents, usize) -> T) -> Result<T, KubeconfigError> {
        let deadline = Instant::now() + self.lock_wait;
        loop {
            let destination = location::destination(&self.files);
            let locks = self.lock(destination, deadline)?;
            if location::destination(&self.files) != destination {
                // A file came or went before the locks were held, and with it what is to be locked.
                continue;
            }
            let mut documents = self.read()?;
            let answer = edit(&mut documents, destination);
            for (at, (before, after)) in &documents {
                if before != after {
                    self.write(&self.files[*at], after, &locks)?;
                }
            }
            return Ok(answer);
        }
    }

    fn read(&self) -> Result<Documents, KubeconfigError> {
        let mut documents = Documents::new();
        for (at, path) in self.files.iter().enumerate() {
            let bytes = match std::fs::read(path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let message = reason(&error);
                    return Err(KubeconfigError::Unreadable { path: path.clone(), message });
                }
            };
            let invalid = |message| KubeconfigError::Invalid { path: path.clone(), message };
            let text = String::from_utf8(bytes)
                .map_err(|_| invalid("it is not text in UTF-8".to_owned()))?;
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
        let unwritable = |error: &io::Error| KubeconfigError::Unwritable {
            path: target.clone(),
            message: reason(error),
        };
        if let Some((_, error)) = locks.refused.iter().find(|(refused, _)| *refused == path) {
            return Err(unwritable(error));
        }
        let text = document
            .render()
            .map_err(|message| KubeconfigError::Invalid { path: path.to_owned(), message })?;
        replace::replace(&target, &text).map_err(|error| unwritable(&error))
    }

    /// Takes the locks of all files that there are, and of the one for new entries, in the order of
    /// their paths, as `kubectl` does, so that two programs never wait for each other.
    ///
    /// A lock that cannot be made, as in a folder of the system, matters only if that file has to be
    /// written.
    fn lock(&self, destination: usize, deadline: Instant) -> Result<Locks, KubeconfigError> {
        let mut wanted: BTreeSet<(PathBuf, &Path)> = BTreeSet::new();
        for (at, path) in self.files.iter().enumerate() {
            // `kubectl` locks the link, or the file, by whichever name it is given.
            let target = location::target(path)?;
            for name in [path, &target] {
                let Some(folder) = name.parent() else { continue };
                if at == destination {
                    create_folder(folder, path)?;
                }
                // One folder by two names would be waited for in vain.
                let Ok(folder) = folder.canonicalize() else { continue };
                let mut file = name.file_name().unwrap_or_default().to_owned();
                file.push(".lock");
                wanted.insert((folder.join(file), path));
            }
        }
        let mut locks = Locks { held: Vec::new(), refused: Vec::new() };
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
                        waited: self.lock_wait,
                    });
                }
                Err(LockError::Io(error)) => locks.refused.push((path.to_owned(), error)),
            }
            last = Some(lock);
        }
        Ok(locks)
    }
}

/// The locks of an edit, which are let go of when it ends.
struct Locks {
    held: Vec<FileLock>,
    /// The files whose lock could not be made, and why.
    refused: Vec<(PathBuf, io::Error)>,
}

/// Makes the folder of a file, with the mode that `kubectl` gives it.
fn create_folder(folder: &Path, path: &Path) -> Result<(), KubeconfigError> {
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(|error| {
        KubeconfigError::Unwritable { path: path.to_owned(), message: reason(&error) }
    })
}
