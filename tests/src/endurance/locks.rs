//! Podman's locks. Each container, pod and volume has one of a fixed number.

use std::time::{Duration, Instant};

use crate::podman;

/// Timeout for commands of other users of this Podman, which create or remove something meanwhile.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The number of locks that are free, or that a container, pod or volume has. It is constant, unless a
/// removal loses a lock.
#[derive(Debug, Clone, Copy)]
pub struct PodmanLocks {
    total: Option<usize>,
}

impl PodmanLocks {
    /// Counts the locks.
    pub fn count() -> Self {
        Self { total: total() }
    }

    /// Returns the number of locks that have been lost since, or `None` if this Podman does not report
    /// its locks (before 4.7).
    pub fn lost(&self) -> Option<usize> {
        let before = self.total?;
        let start = Instant::now();
        loop {
            let lost = before.saturating_sub(total()?);
            if lost == 0 || start.elapsed() >= TIMEOUT {
                return Some(lost);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn total() -> Option<usize> {
    let info: serde_json::Value = serde_json::from_str(&podman(&["info", "--format=json"])).ok()?;
    let free = info.pointer("/host/freeLocks")?.as_u64()?;
    let count = |args: &[&str]| podman(args).lines().count();
    let used = count(&["ps", "--all", "--quiet"])
        + count(&["pod", "ls", "--quiet"])
        + count(&["volume", "ls", "--quiet"]);
    Some(usize::try_from(free).ok()? + used)
}
