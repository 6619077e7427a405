//! One download of a bundle at a time, across processes.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::events::OnEvent;
use super::{BundleError, DownloadEvent};

/// How often a lock that another process holds is tried: often enough not to be felt after a download.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits for the lock file `path`. The lock goes when the answer is dropped, or the process dies.
///
/// It is tried again and again instead of waited for, because a thread that waits in `flock` could
/// not be called back when the download is given up.
pub(super) async fn lock(path: &Path, on_event: &OnEvent<'_>) -> Result<File, BundleError> {
    let mut options = File::options();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(BundleError::io("create", path))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(BundleError::io("lock", path)(error)),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut told, true) {
                    on_event(DownloadEvent::Waiting { lock: path });
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
