//! Summary of a run.

use std::fmt::Write;

use crate::{Outcome, TestResult};

/// Lists the failures, the known failures and, at the end, the tests that did not run, each with
/// its count. A result that was reported several times counts once.
pub fn summarize(results: &[TestResult]) -> String {
    let mut text = String::new();
    let sections = [
        (Outcome::Failed, "failed"),
        (Outcome::KnownFailure, "known failures"),
        (Outcome::NotRun, "not run"),
    ];
    for (outcome, title) in sections {
        let mut lines: Vec<String> = Vec::new();
        for result in results.iter().filter(|result| result.outcome == outcome) {
            let TestResult { suite, name, reason, .. } = result;
            let line = format!("  {suite}: {name}: {reason}\n");
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        if !lines.is_empty() {
            let _ = write!(text, "{title}: {}\n{}", lines.len(), lines.concat());
        }
    }
    if !results.iter().any(|result| result.outcome == Outcome::NotRun) {
        text.push_str("everything ran\n");
    }
    text
}

/// Counts the results of suites with `part` in their name, in words.
pub fn totals(results: &[TestResult], part: &str) -> String {
    let ours: Vec<_> = results.iter().filter(|result| result.suite.contains(part)).collect();
    let count = |outcome| ours.iter().filter(|result| result.outcome == outcome).count();
    format!(
        "{} passed, {} failed, {} known failures, {} not run",
        count(Outcome::Passed),
        count(Outcome::Failed),
        count(Outcome::KnownFailure),
        count(Outcome::NotRun)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_ends_with_the_tests_that_did_not_run() {
        let result = |outcome, name| TestResult::new(outcome, "suite", name, "reason");
        let results = [
            result(Outcome::NotRun, "a"),
            result(Outcome::Passed, "b"),
            result(Outcome::KnownFailure, "c"),
            result(Outcome::NotRun, "d"),
            result(Outcome::NotRun, "a"),
        ];
        assert_eq!(
            summarize(&results),
            "known failures: 1\n  suite: c: reason\nnot run: 2\n  suite: a: reason\n  suite: d: reason\n"
        );
    }

    #[test]
    fn the_summary_of_a_complete_run_is_one_line() {
        let results = [TestResult::new(Outcome::Passed, "suite", "name", "")];
        assert_eq!(summarize(&results), "everything ran\n");
    }

    #[test]
    fn totals_count_the_named_suites() {
        let results = ["debian13: check", "debian13: cluster", "trixie rootfs: check"]
            .map(|suite| TestResult::new(Outcome::Passed, suite, "name", ""));
        let text = totals(&results, "debian13");
        assert_eq!(text, "2 passed, 0 failed, 0 known failures, 0 not run");
    }
}
