//! Events of a download.

use std::path::Path;
use std::time::Duration;

use super::error::DownloadCause;

/// An event of [`Upstream::download`](super::Upstream::download). Files are downloaded in parallel, so
/// events of different files are interleaved; those of one file are in order.
#[derive(Debug)]
#[non_exhaustive]
pub enum DownloadEvent<'a> {
    /// Another process downloads the same bundle; this one waits for it.
    Waiting {
        /// The lock of the other process.
        lock: &'a Path,
    },
    /// The bundle is in the cache already.
    Cached {
        /// Its directory.
        dir: &'a Path,
    },
    /// The server sends a file. Once for each attempt.
    Started {
        /// The file's name, such as `kubeadm`.
        file: &'a str,
        /// The number of bytes from earlier attempts, which are not sent again.
        resumed: u64,
        /// The size of the complete file in bytes, if the server reports it.
        total: Option<u64>,
    },
    /// A part of a file was received.
    Advanced {
        /// The file's name.
        file: &'a str,
        /// The number of bytes so far, including those from earlier attempts.
        done: u64,
    },
    /// An attempt failed, and there will be another one.
    Retrying {
        /// The file's name.
        file: &'a str,
        /// The reason.
        cause: &'a DownloadCause,
        /// The backoff before the next attempt.
        backoff: Duration,
    },
    /// A file is complete and matches its published checksum.
    Verified {
        /// The file's name.
        file: &'a str,
    },
    /// All files are complete; the bundle's directory is assembled and checked.
    Assembling,
}

/// A callback for events. It runs on the task of the download and must not block.
pub(super) type OnEvent<'a> = dyn Fn(DownloadEvent<'_>) + Send + Sync + 'a;
