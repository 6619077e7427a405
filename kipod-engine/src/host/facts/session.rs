//! The user's login session.

use std::path::PathBuf;

use serde::Serialize;

/// The user's login session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// `true` if systemd is the host's init system.
    pub systemd: bool,
    /// `true` if systemd runs a manager for this user.
    pub user_manager: bool,
    /// `true` if the user has a session bus, over which Podman requests scopes from that manager.
    pub bus: bool,
    /// `true` if that manager outlives the user's last session.
    pub lingering: bool,
    /// `true` if `podman-restart.service` is enabled for the user, so that nodes start at boot.
    pub starts_at_boot: bool,
    /// `XDG_RUNTIME_DIR`, if it is an existing directory this user can write to.
    pub runtime_dir: Option<PathBuf>,
}
