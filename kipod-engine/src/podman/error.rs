//! What can go wrong between kipod and Podman.

use super::command::CommandFailure;

/// In Podman's words where it goes by notes of processes that have ended, as in a new session that begins
/// while the one before is still being ended.
pub(crate) const STALE: &str = "podman system migrate";

/// In Podman's words where the network that all containers of the user share is not whole, as after one
/// that was killed while it made it. Podman 5 makes it anew; before, each start fails with this from then
/// on.
const CUT_OFF_NETWORK: &str = "runtime directory for rootless netns";

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
            Self::NoService { message, .. } if message.contains(STALE) => Some(
                "podman's own processes ended with your last session (`kipod check` on lingering), and its notes of them are still there: run `podman system migrate`, which also ends what is left of your containers",
            ),
            Self::NoService { .. } => {
                Some("run `kipod check`; `podman info` as this user shows podman's own reason")
            }
            Self::Refused { message, .. } if message.contains(CUT_OFF_NETWORK) => Some(
                "the network that your containers share is not whole, as after a podman that was killed: run `podman system migrate`, which makes it anew and ends what runs of them",
            ),
            Self::PortInUse { .. } => {
                Some("end the program that holds the port, or choose another port")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PodmanError;

    #[test]
    fn a_podman_that_goes_by_old_notes_is_told_to_migrate() {
        let hint = |message: &str| {
            let (socket, message) = ("s".to_owned(), message.to_owned());
            PodmanError::NoService { socket, message }.hint().unwrap()
        };
        // Podman's words, where its pause process is gone and the note of it is not.
        let stale = hint(
            "invalid internal status, try resetting the pause process with \"podman system migrate\": could not find any running process: no such process",
        );
        assert!(stale.contains("run `podman system migrate`"), "{stale}");
        assert!(hint("connection refused").contains("podman info"));
    }

    #[test]
    fn a_podman_whose_network_was_cut_off_is_told_to_migrate() {
        let hint = |message: &str| {
            let (action, message) = ("start container `c`".to_owned(), message.to_owned());
            PodmanError::Refused { action, message }.hint()
        };
        let cut_off =
            "failed to mount runtime directory for rootless netns: no such file or directory";
        assert!(hint(cut_off).unwrap().contains("run `podman system migrate`"));
        assert_eq!(hint("no such image"), None);
        assert_eq!(hint("failed to create ptmx for rootless netns"), None);
    }
}
