//! Who is choosing what no other cluster has.

use std::path::Path;

use super::lock::{LeaseError, Lock, RemoveOnDrop};

/// The exclusive right to choose an address or a port, held until the choice is in the cluster's
/// record. Dropping it, or dying in any way, gives it back; dropping it takes the lock's file away too.
#[derive(Debug)]
pub(crate) struct ChoiceLock(#[expect(dead_code, reason = "held")] RemoveOnDrop);

impl ChoiceLock {
    /// Takes it; blocks while somebody else chooses. `state` is kipod's state folder.
    pub(crate) fn take(state: &Path) -> Result<Self, LeaseError> {
        // No cluster has such a name.
        let lock = Lock::exclusive(&state.join("locks").join("_choice.lock"), || {})?;
        Ok(Self(lock.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_chooses_at_a_time_and_no_file_is_left() {
        let state = tempfile::tempdir().unwrap();
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = ChoiceLock::take(state.path()).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two choose");
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
