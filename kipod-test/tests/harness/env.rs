//! The environment of one harness test.

use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use crate::runner::{Runner, Running, signal};
use crate::runner::{TIMEOUT, no_process, unlocked_files};
use crate::server::{FakeServer, State};

/// A fake server and a state directory. Runs tests of `tests/fixture` with them, and checks for
/// leftovers.
pub(crate) struct TestEnv {
    pub(crate) server: FakeServer,
    dir: tempfile::TempDir,
}

impl TestEnv {
    pub(crate) fn new() -> Self {
        Self { server: FakeServer::start(), dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts one fixture test, or all tests of a module, with additional variables.
    pub(crate) fn start(&self, runner: Runner, tests: &str, variables: &[(&str, &str)]) -> Running {
        let address = self.server.address.to_string();
        let variables: Vec<_> =
            variables.iter().copied().chain([("KIPOD_FAKE_SERVER", address.as_str())]).collect();
        runner.start("fixture", tests, self.dir(), &variables)
    }

    /// Runs fixture tests, and returns whether they passed, and their output.
    pub(crate) fn run(
        &self,
        runner: Runner,
        tests: &str,
        variables: &[(&str, &str)],
    ) -> (bool, String) {
        self.start(runner, tests, variables).end()
    }

    /// Waits until the state of the server meets a condition.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, is_met: impl Fn(&State) -> bool) {
        let started = Instant::now();
        while !is_met(&self.server.state()) {
            assert!(started.elapsed() < TIMEOUT, "timed out waiting for {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the body of a test runs. Returns its process and that of its runner.
    #[track_caller]
    pub(crate) fn wait_for_body(&self, test: &str) -> (i32, i32) {
        self.wait(&format!("the body of `{test}`"), |state| {
            state.arrived.iter().any(|(name, ..)| name == test)
        });
        let state = self.server.state();
        let (_, pid, parent) = state.arrived.iter().find(|(name, ..)| name == test).unwrap();
        (*pid, *parent)
    }

    /// Waits until all processes of the run have exited, and checks that no lock is held.
    #[track_caller]
    pub(crate) fn assert_no_process_or_lock(&self) {
        no_process(self.dir());
        unlocked_files(self.dir());
    }

    /// Waits until all processes of the run have exited, and checks that no file remains.
    #[track_caller]
    pub(crate) fn assert_no_process_or_file(&self) {
        no_process(self.dir());
        assert_eq!(unlocked_files(self.dir()), [""; 0], "remaining files");
    }
}
