//! The lock of a download, across processes.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::error::BundleError;
use super::events::{DownloadEvent, OnEvent};

/// The poll interval for a lock of another process.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Locks the file `path`, and waits for other processes. The lock is released when the file is dropped or
/// the process ends.
///
/// Polls, because a thread blocked in `flock` could not be cancelled with the download.
pub(super) async fn lock(path: &Path, on_event: &OnEvent<'_>) -> Result<File, BundleError> {
    let mut options = File::options();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(BundleError::io("create", path))?;
    let mut is_waiting = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(BundleError::io("lock", path)(error)),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut is_waiting, true) {
                    on_event(DownloadEvent::Waiting { lock: path });
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
    }
}
