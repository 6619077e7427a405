//! Reads the user's login session.

use std::path::{Path, PathBuf};

use super::sources::Sources;
use crate::host::facts::{Session, User};

/// Reads the state of systemd and of the user's manager.
pub(super) fn session(sources: &Sources, user: &User) -> Session {
    let root = &sources.root;
    let directory = format!("/run/user/{}", user.uid);
    let linger = user.name.as_ref().map(|name| format!("/var/lib/systemd/linger/{name}"));
    let bus = sources.variable("XDG_RUNTIME_DIR").unwrap_or(&directory);
    Session {
        systemd: root.exists("/run/systemd/system"),
        user_manager: root.exists(format!("{directory}/systemd")),
        bus: root.exists(format!("{bus}/bus")),
        starts_at_boot: starts_at_boot(sources),
        lingering: linger.is_some_and(|path| root.exists(path)),
        runtime_dir: sources
            .variable("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute() && root.path(path).is_dir() && root.writable(path)),
    }
}

/// Returns whether `podman-restart.service` is enabled for the user's manager.
fn starts_at_boot(sources: &Sources) -> bool {
    const WANTED: &str = "systemd/user/default.target.wants/podman-restart.service";
    let is_wanted = |directory: &str| sources.root.is_linked(Path::new(directory).join(WANTED));
    sources.config_directory().is_some_and(|directory| is_wanted(&directory)) || is_wanted("/etc")
}
