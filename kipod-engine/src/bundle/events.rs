//! What a download tells while it goes on.

use std::path::Path;
use std::time::Duration;

use super::Cause;

/// Something that happened during [`Upstream::download`](super::Upstream::download). Files go on in
/// parallel, so events of several files come mixed; those of one file come in order.
#[derive(Debug)]
#[non_exhaustive]
pub enum DownloadEvent<'a> {
    /// Another kipod downloads the same bundle; this one waits until it is done.
    Waiting {
        /// The lock that the other one holds.
        lock: &'a Path,
    },
    /// The bundle was downloaded before, nothing is to be done.
    Cached {
        /// Its folder.
        dir: &'a Path,
    },
    /// A server sends a file. Comes once for every try.
    Started {
        /// The file's name, such as `kubeadm`.
        file: &'a str,
        /// Bytes that earlier tries left, and that are not sent again.
        resumed: u64,
        /// The whole file's size in bytes, if the server says so.
        total: Option<u64>,
    },
    /// More of a file has come. Comes for every piece the network brings.
    Advanced {
        /// The file's name.
        file: &'a str,
        /// Bytes there are now, resumed ones included.
        done: u64,
    },
    /// A try failed, and there will be another.
    Retrying {
        /// The file's name.
        file: &'a str,
        /// Why the try failed.
        cause: &'a Cause,
        /// The pause before the next one.
        pause: Duration,
    },
    /// A file is complete and matches its published checksum.
    Verified {
        /// The file's name.
        file: &'a str,
    },
    /// All files are there; the bundle's folder is put together and checked.
    Assembling,
}

/// What is called with every event, on the task that downloads: it must not block.
pub(super) type OnEvent<'a> = dyn Fn(DownloadEvent<'_>) + Send + Sync + 'a;
