//! Several checks of one cluster.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Runs checks in sequence. A failed check does not stop the others.
///
/// Creating a cluster is slow, so tests that share one use this instead of one cluster each.
#[derive(Debug, Default)]
pub struct Checks {
    failed: Vec<String>,
    passed: usize,
}

impl Checks {
    /// Creates an empty list of results.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a check. It fails if it panics.
    pub fn check(&mut self, name: &str, check: impl FnOnce()) {
        let start = Instant::now();
        let failed = catch_unwind(AssertUnwindSafe(check)).is_err();
        let result = if failed { "FAILED" } else { "ok" };
        println!("check {name} ... {result} ({:.1} s)", start.elapsed().as_secs_f64());
        match failed {
            true => self.failed.push(name.to_owned()),
            false => self.passed += 1,
        }
    }

    /// Fails the test with the names of the failed checks, if there are any.
    #[track_caller]
    pub fn finish(self) {
        let (failed, all) = (self.failed.len(), self.failed.len() + self.passed);
        assert!(self.failed.is_empty(), "{failed} of {all} failed: {:?}", self.failed);
    }
}

#[cfg(test)]
mod tests {
    use super::Checks;

    #[test]
    #[should_panic(expected = "1 of 2 failed: [\"second\"]")]
    fn finish_fails_after_one_failed_check() {
        let mut checks = Checks::new();
        checks.check("first", || ());
        checks.check("second", || panic!("expected"));
        checks.finish();
    }
}
