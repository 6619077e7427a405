//! What can go wrong between kipod and Podman.

use super::command::CommandFailure;

/// A call to Podman that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum PodmanError {
    /// There is no `podman` program on the `PATH`.
    #[error("`podman` is not installed")]
    NotInstalled,
    /// The service did not answer on its socket.
    #[error("podman's service does not answer on `{socket}`: {message}")]
    NoService {
        /// The socket's path.
        socket: String,
        /// What was seen instead of an answer.
        message: String,
    },
    /// Something else has the name already.
    #[error("{kind} `{name}` exists already")]
    NameInUse {
        /// `container`, `network` or `volume`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Another network has that subnet.
    #[error("subnet {subnet} is in use by another network")]
    SubnetInUse {
        /// The subnet asked for.
        subnet: String,
    },
    /// Another process listens on a port that should be published.
    #[error("a port that container `{container}` publishes is in use: {message}")]
    PortInUse {
        /// The container.
        container: String,
        /// Podman's words, which hold the port.
        message: String,
    },
    /// Podman refused, or broke.
    #[error("{action}: {message}")]
    Refused {
        /// What was asked, such as ``create container `kipod-control-plane-0` ``.
        action: String,
        /// Podman's words.
        message: String,
    },
    /// A `podman` command failed.
    #[error(transparent)]
    Command(#[from] CommandFailure),
}

impl PodmanError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotInstalled => Some(
                "run `./setup` from the kipod repository, or install podman 4.0 or later with your distribution's package manager",
            ),
            Self::NoService { .. } => {
                Some("run `kipod check`; `podman info` as this user shows podman's own reason")
            }
            Self::PortInUse { .. } => {
                Some("end the program that holds the port, or choose another port")
            }
            _ => None,
        }
    }
}
