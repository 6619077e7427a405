//! Errors of calls to Podman.

use super::super::command::CommandError;
use crate::util::Hint;

/// Podman reports this when it relies on state of processes that have ended, for example in a login
/// session that starts while the previous one is still being terminated.
pub(crate) const STALE: &str = "podman system migrate";

/// Podman reports this when the network namespace that all rootless containers of the user share is
/// incomplete, for example after it was killed while setting up the namespace. Podman 5 repairs the
/// namespace itself; with earlier versions every start fails from then on.
const BROKEN_NETNS: &str = "runtime directory for rootless netns";

/// conmon reports this when it cannot decode a path in its locale.
const NO_UTF8: &str = "Invalid byte sequence in conversion input";

/// An error of a call to Podman.
///
/// ```no_run
/// use kipod_engine::{Engine, Error, PodmanError};
///
/// # async fn example() -> Result<(), Error> {
/// match Engine::connect().await {
///     Err(Error::Podman(PodmanError::NotInstalled)) => println!("this test needs Podman"),
///     engine => drop(engine?),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PodmanError {
    /// There is no `podman` program on the `PATH`.
    #[error("`podman` is not installed")]
    NotInstalled,
    /// The service does not respond on its socket.
    #[error("the Podman service at `{socket}` does not respond: {message}")]
    ServiceUnavailable {
        /// The socket's path.
        socket: String,
        /// The reason.
        message: String,
    },
    /// The name is in use.
    #[error("{kind} `{name}` already exists")]
    NameInUse {
        /// `container`, `network` or `volume`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Another network has the requested subnet.
    #[error("subnet {subnet} is in use by another network")]
    SubnetInUse {
        /// The requested subnet.
        subnet: String,
    },
    /// Another process listens on a port to be published.
    #[error("a port that container `{container}` publishes is in use: {message}")]
    PortInUse {
        /// The container.
        container: String,
        /// Podman's message, which contains the port.
        message: String,
    },
    /// Podman rejected an operation, or failed to perform it.
    #[error("{action}: {message}")]
    Operation {
        /// The operation, such as ``create container `kipod-control-plane-0` ``.
        action: String,
        /// Podman's message.
        message: String,
    },
    /// A `podman` command failed.
    #[error(transparent)]
    Command(#[doc(hidden)] CommandError),
}

impl From<CommandError> for PodmanError {
    fn from(error: CommandError) -> Self {
        if error.is_not_found() { Self::NotInstalled } else { Self::Command(error) }
    }
}

impl Hint for PodmanError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotInstalled => {
                "run `./setup` from the kipod repository, or install Podman 4.0 or later with the package manager of your distribution"
            }
            Self::ServiceUnavailable { message, .. } if message.contains(STALE) => {
                "the processes of Podman ended with your last login session (see lingering in `kipod check`), but its state still refers to them: run `podman system migrate`, which also stops all your containers"
            }
            Self::ServiceUnavailable { .. } => {
                "run `kipod check`; `podman info` as this user prints the reason"
            }
            Self::Operation { message, .. } if message.contains(BROKEN_NETNS) => {
                "the network namespace that your containers share is incomplete, as after Podman was killed: run `podman system migrate`, which recreates it and stops all your containers"
            }
            Self::Operation { message, .. } if message.contains(NO_UTF8) => {
                "a path of Podman's storage is not ASCII, and the locale of its service is not UTF-8: run `systemctl --user set-environment LC_ALL=C.UTF-8` and `systemctl --user restart podman.service`"
            }
            Self::PortInUse { .. } => "stop the program that uses the port, or choose another port",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_state_hints_at_system_migrate() {
        let hint = |message: &str| {
            let (socket, message) = ("s".to_owned(), message.to_owned());
            PodmanError::ServiceUnavailable { socket, message }.hint().unwrap()
        };
        // Podman's message when its pause process is gone and the PID file is not.
        let stale = hint(
            "invalid internal status, try resetting the pause process with \"podman system migrate\": could not find any running process: no such process",
        );
        assert!(stale.contains("run `podman system migrate`"), "{stale}");
        assert!(hint("connection refused").contains("podman info"));
    }

    #[test]
    fn broken_netns_hints_at_system_migrate() {
        let hint = |message: &str| {
            let (action, message) = ("start container `c`".to_owned(), message.to_owned());
            PodmanError::Operation { action, message }.hint()
        };
        let broken =
            "failed to mount runtime directory for rootless netns: no such file or directory";
        assert!(hint(broken).unwrap().contains("run `podman system migrate`"));
        assert_eq!(hint("no such image"), None);
        assert_eq!(hint("failed to create ptmx for rootless netns"), None);
    }
}
