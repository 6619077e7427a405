//! Reads `/etc/os-release`.

use super::root::Root;
use crate::host::facts::Distribution;

/// Reads `/etc/os-release`, or `/usr/lib/os-release` if that is missing.
pub(super) fn distribution(root: &Root) -> Distribution {
    let text = root
        .read("/etc/os-release")
        .or_else(|| root.read("/usr/lib/os-release"))
        .unwrap_or_default();
    let value = |key: &str| {
        text.lines()
            .filter_map(|line| line.trim().split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.trim_matches(['"', '\'']).to_owned())
            .unwrap_or_default()
    };
    Distribution {
        id: value("ID"),
        like: value("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
        version: value("VERSION_ID"),
        name: value("PRETTY_NAME"),
        ostree: root.exists("/run/ostree-booted"),
    }
}
