//! Errors of component bundles and their download.

use std::path::{Path, PathBuf};

use super::arch::UnsupportedArch;
use super::checksum::Sum;
use super::content_error::ContentError;
use crate::util::Hint;
use crate::util::text::indent_list;

/// An error of a component bundle: its versions, its download or its content.
///
/// ```no_run
/// use kipod_engine::{BuildNodeImage, BundleError, Engine, Error};
///
/// async fn build(engine: &Engine, options: &BuildNodeImage) -> Result<(), Error> {
///     match engine.build_node_image(options).await {
///         Err(Error::Bundle(BundleError::NoSuchVersion { product, server, .. })) => {
///             println!("{server} does not have {product} yet");
///             Ok(())
///         }
///         built => built.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The directory does not exist.
    #[error("component bundle `{}` not found", .dir.display())]
    NotFound {
        /// The directory.
        dir: PathBuf,
    },
    /// The content of the bundle is invalid.
    #[error("invalid component bundle `{}`:{}", .dir.display(), indent_list(.errors))]
    Content {
        /// The bundle's directory.
        dir: PathBuf,
        /// All errors of its content, never empty.
        #[doc(hidden)]
        errors: Vec<ContentError>,
    },
    /// There are no bundles for this host's architecture.
    #[error(transparent)]
    UnsupportedArch(
        #[from]
        #[doc(hidden)]
        UnsupportedArch,
    ),
    /// The text is not a version.
    #[error("`{text}` is not a version")]
    InvalidVersion {
        /// The text.
        text: String,
    },
    /// The text is not the URL of a mirror.
    #[error("invalid mirror `{url}`: {message}")]
    InvalidMirror {
        /// The URL, without a password.
        url: String,
        /// The reason.
        message: String,
    },
    /// The HTTP client could not be created, for example because the system has no root certificates.
    #[error("failed to set up TLS: {message}")]
    NoClient {
        /// The reason.
        message: String,
    },
    /// A version could not be resolved.
    #[error("failed to look up the newest version of {product}")]
    Resolve {
        /// `Kubernetes 1.36`.
        product: String,
        /// The failed download of the version file.
        #[doc(hidden)]
        source: Box<DownloadFailure>,
    },
    /// One or more files could not be downloaded.
    #[error("failed to download {release}:{}", indent_list(.failures))]
    Download {
        /// The release, such as `Kubernetes v1.36.2 with CRI-O v1.36.3 for amd64`.
        release: String,
        /// The missing files, never empty.
        #[doc(hidden)]
        failures: Vec<DownloadFailure>,
    },
    /// The server does not have a version.
    #[error("`{server}` does not have {product}")]
    NoSuchVersion {
        /// The base URL of the server, without a password.
        server: String,
        /// The version, such as `Kubernetes v1.36.99 for amd64`.
        product: String,
        /// Options with existing versions, as far as they are known.
        suggestions: Vec<String>,
    },
    /// A downloaded archive is not an archive of CRI-O.
    #[error("failed to unpack archive `{archive}`: {message}")]
    Archive {
        /// The archive's name.
        archive: String,
        /// The reason.
        message: String,
    },
    /// An operation of the file system failed.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// `create`, `lock`, `rename` and the like.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// A file that could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[error("`{file}` from `{url}`: {cause}")]
#[non_exhaustive]
pub struct DownloadFailure {
    /// The file's name, such as `kubeadm`.
    pub file: String,
    /// Its URL, without a password.
    pub url: String,
    /// The reason.
    pub cause: DownloadCause,
}

/// The reason why a file could not be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadCause {
    /// The connection failed or broke.
    #[error("{0}")]
    Unreachable(String),
    /// The server does not have the file.
    #[error("not found on the server (404)")]
    NotFound,
    /// The server returned another error status.
    #[error("the server returned status {0}")]
    Status(u16),
    /// The server has the file, but not its checksum.
    #[error("no checksum at `{url}` (404), so the file cannot be verified")]
    NoChecksum {
        /// The URL of the checksum.
        url: String,
    },
    /// The checksum file does not contain a checksum.
    #[error("the file at `{url}` is not a checksum: `{text}`")]
    InvalidChecksum {
        /// The URL of the checksum.
        url: String,
        /// The first characters of the file.
        text: String,
    },
    /// The content does not match the published checksum. The file was removed.
    #[error("the file is corrupt and was removed: SHA-256 is {found}, published is {expected}")]
    Corrupt {
        /// The published checksum.
        expected: Sum,
        /// The checksum of the content.
        found: Sum,
    },
    /// A version file does not contain a version.
    #[error("the server returned `{0}`, which is not a version")]
    NotAVersion(String),
    /// The file could not be written.
    #[error("cannot {action} `{}`: {message}", .path.display())]
    Disk {
        /// `write`, `create` and the like.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The message of the operating system.
        message: String,
    },
}

impl BundleError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

impl Hint for BundleError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFound { .. } => {
                "pass the directory that contains `bin/kubeadm` and the other files with `--components DIR`"
            }
            Self::Content { .. } => {
                "fix the files, or omit `--components`: then kipod downloads a bundle"
            }
            Self::InvalidVersion { .. } => {
                "use a version such as `v1.36.2`, a minor version such as `1.36` for its newest \
                 release, or `stable` for the newest release"
            }
            Self::InvalidMirror { .. } => {
                "use an http or https URL that serves the paths of the release servers: \
                 `--mirror https://mirror.example/kubernetes`"
            }
            Self::NoClient { .. } => "install the package `ca-certificates`",
            Self::Resolve { source, .. } if source.cause == DownloadCause::NotFound => {
                "this version may have no release; use complete versions with `--k8s-version` and \
                 `--crio-version`"
            }
            Self::Resolve { source, .. } => return Some(source.cause.hint()),
            Self::NoSuchVersion { suggestions, .. } if suggestions.is_empty() => {
                return Some(DownloadCause::NotFound.hint());
            }
            Self::NoSuchVersion { suggestions, .. } => {
                return Some(format!("try {}", suggestions.join(", or ")));
            }
            Self::Download { failures, .. } => {
                return Some(failures.first()?.cause.hint());
            }
            Self::Archive { .. } => "try another `--crio-version`",
            Self::UnsupportedArch(_) | Self::Io { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

impl DownloadCause {
    fn hint(&self) -> String {
        let first = match self {
            Self::Disk { .. } => {
                return "free some space, or set XDG_CACHE_HOME to another directory".to_owned();
            }
            Self::Unreachable(message) if message.contains("certificate") => {
                "add the server's certificate authority to the system's, or"
            }
            Self::Unreachable(_) => {
                "check the network (proxies are read from HTTPS_PROXY, HTTP_PROXY and NO_PROXY), or"
            }
            Self::Corrupt { .. } => "try again, or",
            _ => "",
        };
        let rest = "use a server with the same files with `--mirror URL`, or a local directory with \
                    `--components DIR`";
        format!("{first} {rest}").trim_start().to_owned()
    }
}
