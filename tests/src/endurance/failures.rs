//! The failures of a run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Collects failures, so that one failed operation does not stop the others.
#[derive(Debug, Default)]
pub struct Failures(Vec<String>);

impl Failures {
    /// Creates an empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs an operation, which fails if it panics, as the helpers of tests do. Returns whether it
    /// succeeded. The panic itself is printed where it happens.
    pub fn attempt(&mut self, name: &str, operation: impl FnOnce()) -> bool {
        let result = catch_unwind(AssertUnwindSafe(operation));
        if result.is_err() {
            self.add(name.to_owned());
        }
        result.is_ok()
    }

    /// Adds a failure.
    pub fn add(&mut self, failure: String) {
        self.0.push(failure);
    }

    /// Returns whether nothing failed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Prints all failures and returns the exit status.
    pub fn finish(self) -> ExitCode {
        for failure in &self.0 {
            println!("FAILED {failure}");
        }
        match self.0.len() {
            0 => ExitCode::SUCCESS,
            count => {
                println!("{count} failed");
                ExitCode::FAILURE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Failures;

    #[test]
    fn attempt_collects_panics() {
        let mut failures = Failures::new();
        assert!(failures.attempt("first", || ()));
        assert!(!failures.attempt("second", || panic!("expected")));
        assert!(failures.attempt("third", || ()));
        assert_eq!(failures.0, ["second"]);
    }
}
