//! Failures of requests, converted from the errors of the API crate.

use std::path::Path;

use crate::podman::api::PodmanError;
use crate::util::text::{error_chain, root_cause};

/// A failed request.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing listens on the socket.
    Unreachable(String),
    /// Podman returned an error.
    Rejected {
        /// The HTTP status.
        status: u16,
        /// Podman's message.
        message: String,
    },
    /// The response is invalid, or was interrupted.
    Broken(String),
    /// There was no response within the timeout.
    TimedOut(String),
    /// Another error, such as of a restart of the service.
    Other(PodmanError),
}

impl Failure {
    /// Returns the failure of a request that Podman rejected, with the body of its response.
    pub(super) fn rejected(status: u16, body: &[u8]) -> Self {
        let text = || String::from_utf8_lossy(body).trim().to_owned();
        let message = serde_json::from_slice::<serde_json::Value>(body).ok();
        let message = message.and_then(|body| Some(body.get("message")?.as_str()?.to_owned()));
        Self::Rejected { status, message: message.unwrap_or_else(text) }
    }

    /// Returns whether the object does not exist (404).
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Rejected { status: 404, .. })
    }

    /// Returns whether the object already is in the requested state (304), such as for a start of a
    /// running container.
    pub(super) fn is_not_modified(&self) -> bool {
        matches!(self, Self::Rejected { status: 304, .. })
    }

    /// Returns whether Podman's message contains `words`.
    pub(super) fn contains(&self, words: &str) -> bool {
        matches!(self, Self::Rejected { message, .. } if message.contains(words))
    }

    /// The message.
    pub(super) fn message(self) -> String {
        match self {
            Self::Unreachable(message)
            | Self::Broken(message)
            | Self::TimedOut(message)
            | Self::Rejected { message, .. } => message,
            Self::Other(error) => error_chain(&error),
        }
    }

    /// Converts it to an error of `action`.
    pub(super) fn into_error(self, socket: &Path, action: impl Into<String>) -> PodmanError {
        match self {
            Self::Unreachable(message) => {
                PodmanError::ServiceUnavailable { socket: socket.display().to_string(), message }
            }
            Self::Other(error) => error,
            other => PodmanError::Operation { action: action.into(), message: other.message() },
        }
    }
}

impl From<PodmanError> for Failure {
    fn from(error: PodmanError) -> Self {
        Self::Other(error)
    }
}

impl From<podman_api::Error> for Failure {
    fn from(error: podman_api::Error) -> Self {
        match error {
            podman_api::Error::Fault { code, message } => {
                Self::Rejected { status: code.as_u16(), message: without_echo(&message).to_owned() }
            }
            podman_api::Error::Error(podman_api::conn::Error::Hyper(error))
                if error.is_connect() =>
            {
                Self::Unreachable(root_cause(&error))
            }
            other => Self::Broken(root_cause(&other)),
        }
    }
}

/// Removes the repeated cause from a message: the API crate returns `MESSAGE: CAUSE`, and Podman's
/// MESSAGE ends with CAUSE already.
fn without_echo(message: &str) -> &str {
    let echo = message.match_indices(": ").find_map(|(at, _)| {
        let (text, cause) = (&message[..at], &message[at + 2..]);
        text.ends_with(cause).then_some(text)
    });
    echo.unwrap_or(message).trim()
}

#[cfg(test)]
mod tests {
    use super::without_echo;

    #[test]
    fn repeated_cause_is_removed() {
        let text =
            without_echo("network name n is used: network already exists: network already exists");
        assert_eq!(text, "network name n is used: network already exists");
        assert_eq!(without_echo("subnet is used: subnet is used"), "subnet is used");
        assert_eq!(without_echo("no such thing: 12: 3"), "no such thing: 12: 3");
    }
}
