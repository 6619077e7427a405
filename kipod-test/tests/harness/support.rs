//! Runs the tests of `tests/fixture` under cargo or nextest, and looks what they leave.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::runner::{LIMIT, no_process, unlocked_files};
pub(crate) use crate::runner::{Runner, Running, signal};
use crate::table::{Content, Table};

/// One table of clusters, and one folder for the harness.
pub(crate) struct World {
    pub(crate) table: Table,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { table: Table::serve(), folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs tests of the fixture, one or a whole module, with more variables.
    pub(crate) fn start(&self, runner: Runner, tests: &str, variables: &[(&str, &str)]) -> Running {
        let address = self.table.address.to_string();
        let variables: Vec<_> =
            variables.iter().copied().chain([("KIPOD_FAKE", address.as_str())]).collect();
        runner.start("fixture", tests, self.folder(), &variables)
    }

    /// Runs tests of the fixture to their end: whether they passed, and all they printed.
    pub(crate) fn run(
        &self,
        runner: Runner,
        tests: &str,
        variables: &[(&str, &str)],
    ) -> (bool, String) {
        self.start(runner, tests, variables).end()
    }

    /// Waits for something to be so.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, so: impl Fn(&Content) -> bool) {
        let began = Instant::now();
        while !so(&self.table.content()) {
            assert!(began.elapsed() < LIMIT, "{what} did not come about");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the body of a test: its process, and that of its runner.
    #[track_caller]
    pub(crate) fn arrival(&self, test: &str) -> (i32, i32) {
        self.wait(&format!("the body of `{test}`"), |content| {
            content.arrived.iter().any(|(name, ..)| name == test)
        });
        let content = self.table.content();
        let (_, pid, parent) = content.arrived.iter().find(|(name, ..)| name == test).unwrap();
        (*pid, *parent)
    }

    /// Waits until no process of the run is left, then sees that no lock is held.
    #[track_caller]
    pub(crate) fn no_process_and_no_lock(&self) {
        no_process(self.folder());
        unlocked_files(self.folder());
    }

    /// Waits until no process of the run is left, then sees that no file of the harness is.
    #[track_caller]
    pub(crate) fn no_process_and_no_file(&self) {
        no_process(self.folder());
        assert_eq!(unlocked_files(self.folder()), [""; 0], "files are left");
    }
}
