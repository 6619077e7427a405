//! The result of a `kipod` command.

use std::fmt;
use std::process::ExitStatus;
use std::time::Duration;

/// The result of a command: exit status and output.
#[derive(Debug)]
pub struct Output {
    pub(crate) line: String,
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The time from start to exit.
    pub elapsed: Duration,
}

impl Output {
    /// Returns the exit status, or `None` if a signal ended the process.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the test unless the command succeeded.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Fails the test unless the command exited with `code`.
    #[track_caller]
    pub fn failure(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Fails the test unless standard error contains each of `texts`.
    #[track_caller]
    pub fn stderr_contains(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in standard error of {self}");
        }
        self
    }

    /// Parses standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("invalid JSON: {error}: {self}"))
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, status, stdout, stderr, elapsed } = self;
        let seconds = elapsed.as_secs_f64();
        write!(f, "`{line}` ({status}, {seconds:.1} s)\n{stdout}--- stderr ---\n{stderr}")
    }
}
