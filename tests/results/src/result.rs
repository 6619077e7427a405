//! One result and its line.

use std::fmt;
use std::str::FromStr;

/// First field of every line.
const MARK: &str = "RESULT";

/// Outcome of a test or check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It failed, and is listed as failing in this environment.
    KnownFailure,
    /// It did not run, for the given reason.
    NotRun,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Passed, Self::Failed, Self::KnownFailure, Self::NotRun];

    /// Returns the word for this outcome in lines and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::KnownFailure => "known-failure",
            Self::NotRun => "not-run",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| ParseError::Outcome(text.to_owned()))
    }
}

/// Result of a test or check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// Outcome.
    pub outcome: Outcome,
    /// Group of tests, such as a test binary or a set of checks on one machine.
    pub suite: String,
    /// Name of the test within its suite.
    pub name: String,
    /// Reason for a failure, or for not running. Empty if the test passed.
    pub reason: String,
}

impl TestResult {
    /// Creates a result. Tabs and line breaks in the texts become spaces.
    pub fn new(outcome: Outcome, suite: &str, name: &str, reason: &str) -> Self {
        let [suite, name, reason] = [suite, name, reason].map(single_line);
        Self { outcome, suite, name, reason }
    }
}

fn single_line(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ").trim().to_owned()
}

/// Formats the line, without a line break.
impl fmt::Display for TestResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outcome, suite, name, reason } = self;
        write!(f, "{MARK}\t{outcome}\t{suite}\t{name}\t{reason}")
    }
}

impl FromStr for TestResult {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        match line.split('\t').collect::<Vec<_>>()[..] {
            [MARK, outcome, suite, name, reason] => {
                Ok(Self::new(outcome.parse()?, suite, name, reason))
            }
            _ => Err(ParseError::Line(line.to_owned())),
        }
    }
}

/// A line that is not a result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// The line does not have the five fields of a result.
    Line(String),
    /// The outcome is not one of the known words.
    Outcome(String),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "not a result line: `{line}`"),
            Self::Outcome(word) => write!(f, "unknown outcome `{word}`"),
        }
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back() {
        for outcome in Outcome::ALL {
            let result = TestResult::new(outcome, "debian13: check", "a name", "a reason");
            assert_eq!(result.to_string().parse(), Ok(result));
        }
    }

    #[test]
    fn line_breaks_and_tabs_become_spaces() {
        let result = TestResult::new(Outcome::Failed, "suite", "name", "one\ttwo\nthree\n");
        assert_eq!(result.to_string(), "RESULT\tfailed\tsuite\tname\tone two three");
    }

    #[test]
    fn other_lines_are_errors() {
        for line in ["", "RESULT", "RESULT\tpassed\tsuite\tname", "test a ... ok"] {
            assert_eq!(line.parse::<TestResult>(), Err(ParseError::Line(line.to_owned())));
        }
        let skipped = "RESULT\tskipped\tsuite\tname\t".parse::<TestResult>();
        assert_eq!(skipped, Err(ParseError::Outcome("skipped".to_owned())));
    }
}
