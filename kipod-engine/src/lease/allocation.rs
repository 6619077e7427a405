//! The lock for choosing a port of the API server and an address of Services.

use std::path::Path;

use super::lock::{LeaseError, Lock, RemoveOnDrop};

/// The exclusive lock for choosing a port of the API server and an address of Services, held until the
/// choice is in the cluster's record, so that concurrent creations do not choose the same. The kernel
/// releases it when the process ends; dropping it also removes the lock file.
#[derive(Debug)]
pub(crate) struct AllocationLock(#[expect(dead_code, reason = "held")] RemoveOnDrop);

impl AllocationLock {
    /// Takes the lock; blocks while another process holds it. `state` is kipod's state directory.
    pub(crate) fn take(state: &Path) -> Result<Self, LeaseError> {
        // Names of clusters do not start with an underscore.
        let lock = Lock::exclusive(&state.join("locks").join("_choice.lock"), || {})?;
        Ok(Self(lock.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn lock_has_one_holder_and_leaves_no_file() {
        let state = tempfile::tempdir().unwrap();
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = AllocationLock::take(state.path()).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders");
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(state.path().join("locks")).unwrap().count(), 0);
    }
}
