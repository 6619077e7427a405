//! Errors of kubeconfig files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::util::Hint;
use crate::util::text::quote;

/// An error of a kubeconfig: it cannot be found, read or written. The file is unchanged.
///
/// ```no_run
/// use kipod_engine::{Hint, UserKubeconfig};
///
/// let user = match UserKubeconfig::from_env(None) {
///     Ok(user) => user,
///     Err(error) => {
///         eprintln!("warning: {error}; {}", error.hint().unwrap_or_default());
///         UserKubeconfig::at("kubeconfig")
///     }
/// };
/// # let _ = user;
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeconfigError {
    /// `HOME` is not set, so there is no default file.
    #[error("no kubeconfig is specified, and `HOME` is not set")]
    NoHome,
    /// `KUBECONFIG` is set, but contains no path.
    #[error("`KUBECONFIG` is `{value}`, which contains no path")]
    NoFile {
        /// The variable's value.
        value: String,
    },
    /// A file, or its path, could not be read.
    #[error("cannot read kubeconfig `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is not a kubeconfig that can be edited.
    #[error("cannot edit kubeconfig `{}`: {message}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reason, with a line number if there is one.
        message: String,
    },
    /// A file, or its directory, could not be written.
    #[error("cannot write kubeconfig `{}`", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process holds the lock of a file.
    #[error(
        "timed out after {waited:?} waiting for the lock of kubeconfig `{}`: `{}` is held by {holder}",
        .path.display(),
        .lock.display()
    )]
    Locked {
        /// The kubeconfig.
        path: PathBuf,
        /// The lock file next to it.
        lock: PathBuf,
        /// The holder, as far as it is known.
        holder: String,
        /// The timeout.
        waited: Duration,
    },
    /// A document was not written by kipod.
    #[error("not the kubeconfig of a kipod cluster: {message}")]
    Malformed {
        /// The reason.
        message: String,
    },
}

impl Hint for KubeconfigError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoHome => "set HOME, or specify a file with --kubeconfig".to_owned(),
            Self::NoFile { .. } => "unset KUBECONFIG, or set it to a file".to_owned(),
            Self::Unreadable { path, .. } => {
                format!("check `ls -l {}`, or specify another file with --kubeconfig", shell(path))
            }
            Self::Invalid { path, .. } => format!(
                "check `kubectl config view --kubeconfig {}` and correct the file, or specify another with --kubeconfig",
                shell(path)
            ),
            Self::Unwritable { path, .. } => {
                let directory = path.parent().unwrap_or(path);
                format!(
                    "allow kipod to create files in `{}`, or specify another file with --kubeconfig",
                    directory.display()
                )
            }
            Self::Locked { lock, .. } => format!(
                "if no `kubectl`, `kind` or `kipod` is writing the file, run `rm {}`",
                shell(lock)
            ),
            Self::Malformed { .. } => "delete the cluster, and create it again".to_owned(),
        })
    }
}

fn shell(path: &Path) -> String {
    quote(&path.to_string_lossy())
}
