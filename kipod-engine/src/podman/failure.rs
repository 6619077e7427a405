//! What the API crate answers with when a request fails, in the words of this room.

use std::path::Path;

use super::PodmanError;

/// A request that failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody listens on the socket.
    Unreachable(String),
    /// Podman's own refusal.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Podman's words.
        message: String,
    },
    /// The answer was not one, or broke off.
    Broken(String),
    /// No answer came in time.
    Late(String),
    /// Said in this room's words already.
    Known(PodmanError),
}

impl Failure {
    /// Whether what was asked for does not exist.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether it was so already (304 of starting what runs, stopping what is stopped).
    pub(super) fn is_unchanged(&self) -> bool {
        matches!(self, Self::Refused { status: 304, .. })
    }

    /// Whether Podman's words hold `words`.
    pub(super) fn says(&self, words: &str) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains(words))
    }

    /// Podman's words.
    pub(super) fn message(self) -> String {
        match self {
            Self::Unreachable(message)
            | Self::Broken(message)
            | Self::Late(message)
            | Self::Refused { message, .. } => message,
            Self::Known(error) => error.to_string(),
        }
    }

    /// The error that says what was asked.
    pub(super) fn into_error(self, socket: &Path, action: impl Into<String>) -> PodmanError {
        match self {
            Self::Unreachable(message) => {
                PodmanError::NoService { socket: socket.display().to_string(), message }
            }
            Self::Known(error) => error,
            other => PodmanError::Refused { action: action.into(), message: other.message() },
        }
    }
}

impl From<PodmanError> for Failure {
    fn from(error: PodmanError) -> Self {
        Self::Known(error)
    }
}

impl From<podman_api::Error> for Failure {
    fn from(error: podman_api::Error) -> Self {
        match error {
            podman_api::Error::Fault { code, message } => {
                Self::Refused { status: code.as_u16(), message: without_echo(&message).to_owned() }
            }
            podman_api::Error::Error(podman_api::conn::Error::Hyper(error))
                if error.is_connect() =>
            {
                Self::Unreachable(innermost(&error))
            }
            other => Self::Broken(innermost(&other)),
        }
    }
}

/// The message of the last error in the chain: hyper's own words only say `error trying to
/// connect`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// The API crate writes `MESSAGE: CAUSE`, while Podman's message ends with its cause already.
fn without_echo(message: &str) -> &str {
    let echo = message.match_indices(": ").find_map(|(at, _)| {
        let (said, cause) = (&message[..at], &message[at + 2..]);
        said.ends_with(cause).then_some(said)
    });
    echo.unwrap_or(message).trim()
}

#[cfg(test)]
mod tests {
    use super::without_echo;

    #[test]
    fn podmans_words_are_said_once() {
        let said =
            without_echo("network name n is used: network already exists: network already exists");
        assert_eq!(said, "network name n is used: network already exists");
        assert_eq!(without_echo("subnet is used: subnet is used"), "subnet is used");
        assert_eq!(without_echo("no such thing: 12: 3"), "no such thing: 12: 3");
    }
}
