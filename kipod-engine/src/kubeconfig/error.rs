//! What can go wrong with a kubeconfig.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A kubeconfig that could not be found, read or written. The file it names was not changed.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// `HOME` is not set, so that there is no default place.
    #[error("no kubeconfig was named, and `HOME` is not set")]
    NoHome,
    /// The variable is set, and names no file.
    #[error("`KUBECONFIG` is `{value}`, which names no file")]
    NoFile {
        /// The variable's value.
        value: String,
    },
    /// A file, or the path to it, could not be read.
    #[error("kubeconfig `{path}` could not be read: {message}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        message: String,
    },
    /// A file is not a kubeconfig that can be edited.
    #[error("`{path}` is not a kubeconfig that can be edited: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reason, with a line where there is one.
        message: String,
    },
    /// A file, or the folder it is in, could not be written.
    #[error("kubeconfig `{path}` could not be written: {message}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        message: String,
    },
    /// Another program holds the lock of a file, and did not let go of it in time.
    #[error("kubeconfig `{path}` is locked by {holder}: `{lock}` was still there after {waited:?}")]
    Locked {
        /// The kubeconfig.
        path: PathBuf,
        /// The lock file beside it.
        lock: PathBuf,
        /// Who holds it, as far as that can be known.
        holder: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A document was to be read as one that kipod wrote, and is not.
    #[error("not the kubeconfig of a kipod cluster: {message}")]
    Malformed {
        /// The reason.
        message: String,
    },
}

impl KubeconfigError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoHome => "set HOME, or name a file with --kubeconfig".to_owned(),
            Self::NoFile { .. } => "unset KUBECONFIG, or name a file in it".to_owned(),
            Self::Unreadable { path, .. } => {
                format!("see `ls -l {0}`; or name another file with --kubeconfig", shell(path))
            }
            Self::Invalid { path, .. } => format!(
                "see `kubectl config view --kubeconfig {0}`; correct the file, or name another with --kubeconfig",
                shell(path)
            ),
            Self::Unwritable { path, .. } => {
                let folder = path.parent().unwrap_or(path);
                format!(
                    "kipod must be able to create files in `{0}`; or name another file with --kubeconfig",
                    folder.display()
                )
            }
            Self::Locked { lock, .. } => format!(
                "if no `kubectl`, `kind` or `kipod` is writing the file any more, run `rm {0}`",
                shell(lock)
            ),
            Self::Malformed { .. } => "delete the cluster, and create it again".to_owned(),
        }
    }
}

fn shell(path: &std::path::Path) -> String {
    crate::util::text::quote(&path.to_string_lossy())
}

/// The system's reason, in the style of an error's text.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "its file system is read-only".to_owned(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is not a folder".to_owned(),
        io::ErrorKind::ResourceBusy => "it is a mount point, which cannot be replaced".to_owned(),
        _ => error.to_string(),
    }
}
