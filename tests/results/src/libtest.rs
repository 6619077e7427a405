//! Output of Rust test binaries.

use crate::{Outcome, TestResult};

/// Longest cause that is kept of a failure, in characters.
const CAUSE_LENGTH: usize = 130;

/// Standard output of a test binary, and its context.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Libtest<'a> {
    /// Suite of the results.
    pub suite: &'a str,
    /// Standard output of the binary.
    pub stdout: &'a str,
    /// Standard error of the binary. Its last line is the reason if the binary died.
    pub stderr: &'a str,
    /// Results that the tests themselves reported. They replace `ok`.
    pub reported: &'a [TestResult],
    /// Tests that are listed as failing in this environment.
    pub known_failures: &'a [String],
}

impl<'a> Libtest<'a> {
    /// Creates the description of a run without standard error, reports and known failures.
    pub fn new(suite: &'a str, stdout: &'a str) -> Self {
        Self { suite, stdout, stderr: "", reported: &[], known_failures: &[] }
    }
}

/// Returns a result for each test in the output of a test binary, and a failure if the binary
/// ended before its summary.
pub fn read_libtest(run: Libtest<'_>) -> Vec<TestResult> {
    let lines = run.stdout.lines().filter_map(|line| line.strip_prefix("test "));
    let tests = lines.filter_map(|line| line.split_once(" ... "));
    let mut results: Vec<_> =
        tests.filter_map(|(name, word)| result_of(&run, name, word)).collect();
    if !run.stdout.lines().any(|line| line.starts_with("test result: ")) {
        let last = run.stdout.lines().chain(run.stderr.lines()).last().unwrap_or_default();
        let reason = format!("it ended before its summary: {last}");
        results.push(TestResult::new(Outcome::Failed, run.suite, "the test binary", &reason));
    }
    results
}

fn result_of(run: &Libtest<'_>, name: &str, word: &str) -> Option<TestResult> {
    let is_known = run.known_failures.iter().any(|known| known == name);
    let result = |outcome, reason: &str| Some(TestResult::new(outcome, run.suite, name, reason));
    match word.split(", ").next()? {
        "ok" if is_known => result(Outcome::Failed, "it passed, but is listed as a known failure"),
        "ok" => match run.reported.iter().find(|reported| reported.name == name) {
            Some(reported) => result(reported.outcome, &reported.reason),
            None => result(Outcome::Passed, ""),
        },
        "FAILED" if is_known => result(Outcome::KnownFailure, &cause(run.stdout, name)),
        "FAILED" => result(Outcome::Failed, &cause(run.stdout, name)),
        "ignored" => result(Outcome::NotRun, word.strip_prefix("ignored, ").unwrap_or("ignored")),
        _ => None,
    }
}

/// Returns the error, or else the message, with which the test failed, without quotes and escapes.
fn cause(stdout: &str, name: &str) -> String {
    let section = format!("---- {name} stdout ----");
    let lines = stdout.lines().skip_while(|line| *line != section).skip(1);
    let lines: Vec<_> =
        lines.take_while(|line| !line.starts_with("---- ") && *line != "failures:").collect();
    let error = lines.iter().find_map(|line| line.find("Error: ").map(|at| &line[at..]));
    let message = lines.iter().skip_while(|line| !line.starts_with("thread '")).nth(1);
    let cause = error.or(message.copied()).unwrap_or_default().replace("\\n", " ");
    cause.chars().filter(|char| !matches!(char, '\\' | '"')).take(CAUSE_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test images::copies ... ok
test images::builds ... FAILED
test traffic::resolves ... ok
test volumes::is_slow ... ignored, needs time

failures:

---- images::builds stdout ----

thread 'images::builds' (7) panicked at kipod-engine/tests/podman/images.rs:9:5:
called `Result::unwrap()` on an `Err` value: Command(\"Error: no such option\\n\")
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


failures:
    images::builds

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    fn result(outcome: Outcome, name: &str, reason: &str) -> TestResult {
        TestResult::new(outcome, "contract", name, reason)
    }

    #[test]
    fn each_test_becomes_a_result() {
        let reported = [result(Outcome::NotRun, "traffic::resolves", "needs a name server")];
        let run = Libtest { reported: &reported, ..Libtest::new("contract", OUTPUT) };
        assert_eq!(
            read_libtest(run),
            [
                result(Outcome::Passed, "images::copies", ""),
                result(Outcome::Failed, "images::builds", "Error: no such option )"),
                result(Outcome::NotRun, "traffic::resolves", "needs a name server"),
                result(Outcome::NotRun, "volumes::is_slow", "needs time"),
            ]
        );
    }

    #[test]
    fn known_failures_must_fail() {
        let known = ["images::builds", "images::copies"].map(str::to_owned);
        let run = Libtest { known_failures: &known, ..Libtest::new("contract", OUTPUT) };
        let outcomes: Vec<_> = read_libtest(run).iter().map(|result| result.outcome).collect();
        assert_eq!(outcomes[..2], [Outcome::Failed, Outcome::KnownFailure]);
    }

    #[test]
    fn a_binary_that_died_is_a_failure() {
        let stdout = "running 2 tests\ntest a ... ok\n";
        let run = Libtest { stderr: "one\nkilled\n", ..Libtest::new("contract", stdout) };
        let died = "it ended before its summary: killed";
        assert_eq!(
            read_libtest(run),
            [result(Outcome::Passed, "a", ""), result(Outcome::Failed, "the test binary", died)]
        );
    }

    #[test]
    fn a_panic_message_is_a_cause() {
        let stdout =
            "---- a stdout ----\n\nthread 'a' (1) panicked at x.rs:1:1:\nno \"x\"\nnote: n\n";
        assert_eq!(cause(stdout, "a"), "no x");
    }
}
