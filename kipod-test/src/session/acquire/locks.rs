//! Locks on a cluster.
//!
//! The *gate* is locked shared to look at the cluster, and exclusively to create or delete it. The
//! *lease* is locked shared by every process that uses the cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kipod_engine::lease::{ClusterFiles, LeaseError, Lock};

use crate::background::thread::unblock;
use crate::output::notice;
use crate::test_run::TestRun;

/// Waiting time after which the reason is reported.
const NOTICE_DELAY: Duration = Duration::from_millis(500);

pub(super) fn lock_shared(path: &Path) -> Result<Lock, LeaseError> {
    Lock::shared(path, || {})
}

fn lock_exclusive(path: &Path) -> Result<Lock, LeaseError> {
    Lock::exclusive(path, || {})
}

/// The gate of a cluster. Reports only once what it is waiting for.
pub(super) struct Gate<'a> {
    files: &'a ClusterFiles,
    reported: bool,
}

impl<'a> Gate<'a> {
    pub(super) fn new(files: &'a ClusterFiles) -> Self {
        Self { files, reported: false }
    }

    pub(super) async fn lock_shared(&mut self) -> Result<Lock, LeaseError> {
        self.lock(lock_shared).await
    }

    pub(super) async fn lock_exclusive(&mut self) -> Result<Lock, LeaseError> {
        self.lock(lock_exclusive).await
    }

    async fn lock(
        &mut self,
        lock: fn(&Path) -> Result<Lock, LeaseError>,
    ) -> Result<Lock, LeaseError> {
        let path = self.files.gate();
        let mut locking = std::pin::pin!(unblock(move || lock(&path)));
        match tokio::time::timeout(NOTICE_DELAY, &mut locking).await {
            Ok(locked) => locked,
            Err(_) => {
                self.report();
                locking.await
            }
        }
    }

    fn report(&mut self) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        let note = std::fs::read_to_string(self.files.gate()).unwrap_or_default();
        let reason = if note.is_empty() { "another process is checking it" } else { &note };
        notice(&format!("waiting for cluster `{}`: {reason}", self.files.name()));
    }
}

/// Returns whether the cluster is in use: by a process, by another run between two of its processes,
/// or by `run` itself if it has recorded `identity` as the cluster it uses.
pub(super) async fn is_in_use(
    files: &ClusterFiles,
    run: &TestRun,
    identity: Option<&str>,
) -> Result<bool, LeaseError> {
    let own = files.reaper(&run.id);
    let is_used_by = |path: &PathBuf| match *path == own {
        true => identity.is_some() && std::fs::read_to_string(path).ok().as_deref() == identity,
        false => Lock::is_locked_exclusively(path),
    };
    if files.reapers().iter().any(is_used_by) {
        return Ok(true);
    }
    // A reaper that waits for the lease locks it for an instant.
    for _ in 0..5 {
        if Lock::try_exclusive(&files.lease())?.is_some() {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(true)
}
