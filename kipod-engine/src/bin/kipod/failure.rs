//! A failed command: its message, its hint and its exit status.

use std::error::Error as StdError;
use std::process::ExitCode;

use kipod_engine::plan::PatchCheckError;
use kipod_engine::{Error, Hint, error_chain, kubeconfig, spec};

/// Exit status of a usage error, as clap has it.
const USAGE: u8 = 2;
/// Exit status of an interrupted command, as a shell reports SIGINT.
const INTERRUPTED: u8 = 130;

/// A command's failure, ready to be printed.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// Returns a failure with this message and exit status 1.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, code: 1 }
    }

    /// Returns the failure of bad words on the command line, with exit status 2.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { code: USAGE, ..Self::new(text) }
    }

    /// Returns a failure with the message of `error` and its causes.
    pub(crate) fn of(error: &dyn StdError) -> Self {
        Self::new(error_chain(error))
    }

    /// Adds a hint, which is printed on a line of its own.
    pub(crate) fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// Adds the failures that followed this one.
    pub(crate) fn and(mut self, others: impl IntoIterator<Item = Self>) -> Self {
        for other in others {
            self.text.push_str(&format!("\nerror: {}", other.text));
            // The hint of one failure does not apply to the others.
            self.hint = None;
        }
        self
    }

    /// Prints the failure to standard error and returns the exit status.
    pub(crate) fn report(self) -> ExitCode {
        eprintln!("error: {}", self.text);
        if let Some(hint) = self.hint {
            eprintln!("hint: {hint}");
        }
        ExitCode::from(self.code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            error if error.is_cancelled() => INTERRUPTED,
            Error::TimeoutFactor(_) | Error::Version(_) | Error::Conflict(_) => USAGE,
            _ => 1,
        };
        Self { text: error_chain(&error), hint: error.hint(), code }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of(&error)
    }
}

impl From<PatchCheckError> for Failure {
    fn from(error: PatchCheckError) -> Self {
        Self::of(&error)
    }
}

impl From<spec::NameError> for Failure {
    fn from(error: spec::NameError) -> Self {
        Self::usage(error_chain(&error))
    }
}

impl From<kubeconfig::KubeconfigError> for Failure {
    fn from(error: kubeconfig::KubeconfigError) -> Self {
        Error::from(error).into()
    }
}

impl From<spec::ValidationErrors> for Failure {
    fn from(errors: spec::ValidationErrors) -> Self {
        Self::usage(errors.to_string().trim_start_matches("error: "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot create the node")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn report_prints_each_cause_once() {
        let error = Outer(std::io::Error::other("disk full"));
        assert_eq!(Failure::of(&error).text, "cannot create the node: disk full");
    }

    #[test]
    fn several_failures_have_no_common_hint() {
        let failure = Failure::new("one").hint(Some("do this")).and([Failure::new("two")]);
        assert_eq!((failure.text.as_str(), failure.hint), ("one\nerror: two", None));
    }
}
