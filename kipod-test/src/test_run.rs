//! Test runs: all tests that one `cargo test` or `cargo nextest run` starts.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::name::hash;
use crate::process::Process;

/// A test run and its owner, the process whose exit ends the run.
///
/// Under `cargo test` the parent of each test binary is cargo; under nextest, which starts one
/// process per test, it is cargo-nextest. A wrapper script may be in between. Without either (in an
/// IDE, a debugger, or when the binary is started directly) the test process owns its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TestRun {
    /// Eight hexadecimal digits, unique among concurrent runs.
    pub(crate) id: String,
    /// The owner.
    pub(crate) owner: Process,
}

impl TestRun {
    /// Returns the run of this process. It does not change when the owner exits.
    pub(crate) fn current() -> Self {
        static CURRENT: OnceLock<TestRun> = OnceLock::new();
        let find = || {
            let process = Process::current();
            let owner = process.ancestor_named(&["cargo", "cargo-nextest"]).unwrap_or(process);
            Self::new(owner, std::env::var("NEXTEST_RUN_ID").ok().as_deref())
        };
        CURRENT.get_or_init(find).clone()
    }

    /// Returns a run of this process only, for exclusive clusters.
    pub(crate) fn of_this_process() -> Self {
        Self::new(Process::current(), None)
    }

    fn new(owner: Process, nextest_run_id: Option<&str>) -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let (pid, started) = (owner.pid.to_string(), owner.started.to_string());
        let id = match nextest_run_id {
            Some(id) => hash([id]),
            None => hash([boot.as_str(), &pid, &started]),
        };
        Self { id: format!("{:08x}", id >> 32), owner }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_depends_on_the_owner_or_on_nextest() {
        let owner = Process { pid: 7, started: 1 };
        assert_eq!(TestRun::new(owner, None).id, TestRun::new(owner, None).id);
        let later = Process { started: 2, ..owner };
        assert_ne!(TestRun::new(owner, None).id, TestRun::new(later, None).id);
        let other = Process { pid: 8, ..owner };
        assert_eq!(TestRun::new(owner, Some("id")).id, TestRun::new(other, Some("id")).id);
        assert_eq!(TestRun::new(owner, None).id.len(), 8);
    }
}
