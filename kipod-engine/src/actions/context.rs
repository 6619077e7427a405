//! The environment of an operation.

use crate::events::Events;
use crate::podman::Podman;
use crate::util::dirs::Dirs;

/// Access to the outside world: Podman, kipod's directories and the receiver of events.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The user's Podman.
    pub podman: &'a dyn Podman,
    /// kipod's directories.
    pub dirs: &'a Dirs,
    /// The receiver of progress and warnings.
    pub events: &'a dyn Events,
}
