//! Several checks of one cluster, which is too dear to be made for each.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs checks one after the other, all of them, and fails at the end with the names of those that
/// failed.
#[derive(Debug, Default)]
pub struct Checks {
    failed: Vec<String>,
    passed: usize,
}

impl Checks {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a check. A panic in it is its failure.
    pub fn check(&mut self, name: &str, check: impl FnOnce()) {
        let start = std::time::Instant::now();
        let failed = catch_unwind(AssertUnwindSafe(check)).is_err();
        let word = if failed { "FAILED" } else { "ok" };
        println!("check {name} ... {word} ({:.1} s)", start.elapsed().as_secs_f64());
        match failed {
            true => self.failed.push(name.to_owned()),
            false => self.passed += 1,
        }
    }

    /// Fails the test if any check failed.
    #[track_caller]
    pub fn finish(self) {
        let count = self.failed.len() + self.passed;
        assert!(
            self.failed.is_empty(),
            "{} of {count} failed: {:?}",
            self.failed.len(),
            self.failed
        );
    }
}

#[cfg(test)]
mod tests {
    use super::Checks;

    #[test]
    #[should_panic(expected = "1 of 2 failed: [\"second\"]")]
    fn one_failure_is_enough() {
        let mut checks = Checks::new();
        checks.check("first", || ());
        checks.check("second", || panic!("as it should"));
        checks.finish();
    }
}
