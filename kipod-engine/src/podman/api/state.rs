//! The state of a container.

use std::fmt;

use serde::{Serialize, Serializer};

/// The state of a container, as Podman reports it.
///
/// ```
/// use kipod_engine::ContainerState;
///
/// let state = ContainerState::from("exited");
/// assert_eq!(state, ContainerState::Exited);
/// assert!(!state.is_running());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContainerState {
    /// Created, and never started: `created`.
    Created,
    /// Prepared for its start: `initialized`.
    Initialized,
    /// Running: `running`.
    Running,
    /// Running, with all processes frozen: `paused`.
    Paused,
    /// Ending, after a stop signal: `stopping`.
    Stopping,
    /// Ended, before the cleanup by Podman: `stopped`.
    Stopped,
    /// Ended: `exited`.
    Exited,
    /// Being removed: `removing`.
    Removing,
    /// Another state, by its name.
    Other(String),
}

impl ContainerState {
    /// Returns whether the container is running.
    pub fn is_running(&self) -> bool {
        *self == Self::Running
    }

    /// Returns Podman's name of the state.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Created => "created",
            Self::Initialized => "initialized",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Exited => "exited",
            Self::Removing => "removing",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for ContainerState {
    fn from(name: &str) -> Self {
        match name {
            "created" | "configured" => Self::Created,
            "initialized" => Self::Initialized,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            "exited" => Self::Exited,
            "removing" => Self::Removing,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ContainerState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ContainerState;

    #[test]
    fn state_keeps_podmans_name() {
        for name in [
            "created",
            "initialized",
            "running",
            "paused",
            "stopping",
            "stopped",
            "exited",
            "removing",
            "unknown",
        ] {
            let state = ContainerState::from(name);
            assert_eq!(state.to_string(), name);
            assert_eq!(matches!(state, ContainerState::Other(_)), name == "unknown");
        }
    }
}
