//! What can go wrong with a component bundle.

use std::path::{Path, PathBuf};

use super::{Sum, ValidationError};

/// A component bundle that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// There is no such folder.
    #[error("there is no component bundle at `{}`", .dir.display())]
    NoBundle {
        /// The folder.
        dir: PathBuf,
    },
    /// The bundle's content is not what it should be. Holds everything that is wrong.
    #[error("component bundle `{}` cannot be used:{}", .dir.display(), lines(.faults))]
    ValidationErrors {
        /// The bundle's folder.
        dir: PathBuf,
        /// All that is wrong, never empty.
        faults: Vec<ValidationError>,
    },
    /// Kubernetes does not run here.
    #[error("there is no component bundle for architecture `{arch}`, only for `amd64` and `arm64`")]
    UnknownArch {
        /// Rust's name of the architecture.
        arch: String,
    },
    /// Not something that names a version.
    #[error("`{text}` is not a version")]
    BadVersion {
        /// What was given.
        text: String,
    },
    /// Not an address of a mirror.
    #[error("`{url}` cannot be a mirror: {message}")]
    BadMirror {
        /// What was given, without a password.
        url: String,
        /// Why not.
        message: String,
    },
    /// The HTTP client could not be set up, as when the system has no root certificates.
    #[error("no connection can be secured: {message}")]
    NoClient {
        /// Why not.
        message: String,
    },
    /// A version could not be looked up.
    #[error("the newest version of {what} could not be found out: {failure}")]
    Resolve {
        /// `Kubernetes 1.36`.
        what: String,
        /// The look-up that failed.
        failure: Box<Failure>,
    },
    /// One file or several could not be downloaded.
    #[error("{release} could not be downloaded:{}", lines(.failures))]
    Download {
        /// Such as `Kubernetes v1.36.2 with CRI-O v1.36.3 for amd64`.
        release: String,
        /// Every file that is missing, and why; never empty.
        failures: Vec<Failure>,
    },
    /// The server does not have a version.
    #[error("`{server}` has no {what}")]
    NoSuchVersion {
        /// The URL below which it was sought, without a password.
        server: String,
        /// Such as `Kubernetes v1.36.99 for amd64`.
        what: String,
        /// Options with versions that it does have, as far as they could be found out.
        suggestions: Vec<String>,
    },
    /// A downloaded archive is not what CRI-O publishes.
    #[error("archive `{archive}` cannot be unpacked: {message}")]
    Archive {
        /// The archive's name.
        archive: String,
        /// What is wrong with it.
        message: String,
    },
    /// The file system did not let kipod do something.
    #[error("cannot {action} `{}`: {error}", .path.display())]
    Io {
        /// `create`, `lock`, `rename` and the like.
        action: &'static str,
        /// What it was to be done to.
        path: PathBuf,
        /// The operating system's answer.
        error: std::io::Error,
    },
}

/// A file that could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[error("`{file}` from `{url}`: {cause}")]
pub struct Failure {
    /// The file's name, such as `kubeadm`.
    pub file: String,
    /// Where it was sought, without a password.
    pub url: String,
    /// Why it could not be had.
    pub cause: Cause,
}

/// Why a file could not be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// No connection, or one that broke.
    #[error("{0}")]
    Unreachable(String),
    /// The server does not have it.
    #[error("the server does not have it (404)")]
    NotFound,
    /// Any other answer that is not a success.
    #[error("the server answered {0}")]
    Status(u16),
    /// The file is there and its checksum is not.
    #[error("there is no checksum at `{url}` (404), so it cannot be trusted")]
    NoChecksum {
        /// Where the checksum was sought.
        url: String,
    },
    /// What should be a checksum is something else.
    #[error("what is at `{url}` is not its checksum: `{text}`")]
    BadChecksum {
        /// Where the checksum was sought.
        url: String,
        /// The first characters of what is there.
        text: String,
    },
    /// The content is not the published one. The file was removed.
    #[error("it is corrupt and was removed: SHA-256 is {found}, published is {expected}")]
    Corrupt {
        /// The published checksum.
        expected: Sum,
        /// That of the content.
        found: Sum,
    },
    /// A version file does not hold a version.
    #[error("the server answered `{0}`, which is not a version")]
    NotAVersion(String),
    /// It could not be written.
    #[error("cannot {action} `{}`: {message}", .path.display())]
    Disk {
        /// `write`, `create` and the like.
        action: &'static str,
        /// What it was to be done to.
        path: PathBuf,
        /// The operating system's words.
        message: String,
    },
}

impl BundleError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Io { action, path: path.to_owned(), error }
    }

    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoBundle { .. } => {
                "give the folder that holds `bin/kubeadm` and the others with `--components DIR`"
            }
            Self::ValidationErrors { .. } => {
                "put the files in order, or leave `--components` out and let kipod download them"
            }
            Self::BadVersion { .. } => {
                "give a version such as `v1.36.2`, a minor version such as `1.36` for its newest \
                 release, or `stable` for the newest of all"
            }
            Self::BadMirror { .. } => {
                "give an http or https URL below which upstream's paths are found: \
                 `--mirror https://mirror.example/kubernetes`"
            }
            Self::NoClient { .. } => "install the package `ca-certificates`",
            Self::Resolve { failure, .. } if failure.cause == Cause::NotFound => {
                "there may be no release of it; give a whole version with `--k8s-version` and \
                 `--crio-version`"
            }
            Self::Resolve { failure, .. } => return Some(failure.cause.hint()),
            Self::NoSuchVersion { suggestions, .. } if suggestions.is_empty() => {
                return Some(Cause::NotFound.hint());
            }
            Self::NoSuchVersion { suggestions, .. } => {
                return Some(format!("try {}", suggestions.join(", or ")));
            }
            Self::Download { failures, .. } => {
                return Some(failures.first()?.cause.hint());
            }
            Self::Archive { .. } => "another `--crio-version` may do",
            Self::UnknownArch { .. } | Self::Io { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

impl Cause {
    /// What the user can do about it.
    fn hint(&self) -> String {
        let first = match self {
            Self::Disk { .. } => {
                return "free some space, or set XDG_CACHE_HOME elsewhere".to_owned();
            }
            Self::Unreachable(message) if message.contains("certificate") => {
                "add the server's certificate authority to the system's, or"
            }
            Self::Unreachable(_) => {
                "check the network (proxies are taken from HTTPS_PROXY, HTTP_PROXY and NO_PROXY), or"
            }
            Self::Corrupt { .. } => "try again, or",
            _ => "",
        };
        let rest = "name a server with the same files with `--mirror URL`, or a folder that holds \
                    them with `--components DIR`";
        format!("{first} {rest}").trim_start().to_owned()
    }
}

fn lines(items: &[impl std::fmt::Display]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}
