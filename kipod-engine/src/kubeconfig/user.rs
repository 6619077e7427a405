//! The user's kubeconfig.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::access::Kubeconfig;
use super::document::{Document, SECTIONS};
use super::edit::{Directories, Edit};
use super::error::KubeconfigError;
use super::location;
use super::mentions::mentions;
use crate::spec::ClusterName;

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
pub(super) type Documents = BTreeMap<usize, (Document, Document)>;

/// The entries of a cluster that are ready to be written. The files are locked until it is dropped.
#[derive(Debug)]
#[must_use = "nothing is written until it is applied"]
pub struct PreparedMerge {
    edit: Edit,
    context_file: PathBuf,
}

impl PreparedMerge {
    /// Returns the files that will change.
    pub fn changed_files(&self) -> impl Iterator<Item = &Path> {
        self.edit.changed_files()
    }

    /// Writes the files, and returns the file with the context.
    ///
    /// # Errors
    ///
    /// If a file cannot be written. If several files change, those before the failing one are written.
    pub fn apply(self) -> Result<PathBuf, KubeconfigError> {
        self.edit.apply()?;
        Ok(self.context_file)
    }
}

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

    /// Checks that a cluster's entries could be written now: that all files can be read, locked in time
    /// and edited, and that those to be changed can be written. Creates no file and no directory.
    ///
    /// # Errors
    ///
    /// Like [`prepare_merge`](Self::prepare_merge).
    pub fn check(&self, cluster: &ClusterName) -> Result<(), KubeconfigError> {
        let name = cluster.context();
        // Changes the same files as a merge.
        let edit = |documents: &mut Documents, destination| {
            remove_entries(documents, &name);
            let (_, document) = documents.entry(destination).or_insert_with(new_document);
            document.set_current_context(&name);
        };
        self.edit(Directories::Check, edit).map(drop)
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
        self.prepare_merge(kubeconfig)?.apply()
    }

    /// Prepares a [`merge`](Self::merge), without writing any file.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or locked in time, or is not a kubeconfig, or if the directory of a new
    /// file cannot be created.
    pub fn prepare_merge(&self, kubeconfig: &Kubeconfig) -> Result<PreparedMerge, KubeconfigError> {
        let name = kubeconfig.context();
        let (edit, file) = self.edit(Directories::Create, |documents, destination| {
            documents.entry(destination).or_insert_with(new_document);
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
        Ok(PreparedMerge { edit, context_file: self.files[file].clone() })
    }

    /// Removes a cluster's entries from all files, and returns whether there were any. If its context was
    /// the current context, there is none afterwards.
    ///
    /// Files that do not contain the context's name are neither locked nor parsed. Nor are those that a
    /// kubeconfig cannot be: directories, FIFOs, devices, and files above 16 MiB.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, locked in time or written, or is not a kubeconfig. If several files
    /// need changes, those before the failing one are written.
    pub fn remove(&self, cluster: &ClusterName) -> Result<bool, KubeconfigError> {
        let name = cluster.context();
        let mut files = Vec::new();
        for path in &self.files {
            let unreadable = |source| KubeconfigError::Unreadable { path: path.clone(), source };
            if mentions(path, &name).map_err(unreadable)? {
                files.push(path.clone());
            }
        }
        if files.is_empty() {
            return Ok(false);
        }
        let with_entries = Self { files, lock_timeout: self.lock_timeout };
        let remove = |documents: &mut Documents, _| {
            remove_entries(documents, &name);
            documents.values().any(|(before, after)| before != after)
        };
        let (edit, existed) = with_entries.edit(Directories::Create, remove)?;
        edit.apply()?;
        Ok(existed)
    }

    /// Locks and reads the files, and runs an edit on the documents, given the index of the file for new
    /// entries.
    fn edit<T>(
        &self,
        directories: Directories,
        edit: impl Fn(&mut Documents, usize) -> T,
    ) -> Result<(Edit, T), KubeconfigError> {
        Edit::prepare(&self.files, self.lock_timeout, directories, edit)
    }
}

fn new_document() -> (Document, Document) {
    (Document::new(), Document::new())
}

/// Removes a cluster's entries from all documents.
fn remove_entries(documents: &mut Documents, name: &str) {
    for (_, document) in documents.values_mut() {
        for section in SECTIONS {
            document.remove(section, name);
        }
        if document.current_context() == name {
            document.set_current_context("");
        }
    }
}
