//! The Linux distribution.

use serde::Serialize;

/// The fields of `/etc/os-release`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// `ID`: `debian`, `ubuntu`, `fedora`, ...; empty if the file is missing.
    pub id: String,
    /// `ID_LIKE`: the distributions it is derived from.
    pub like: Vec<String>,
    /// `VERSION_ID`; empty for rolling distributions.
    pub version: String,
    /// `PRETTY_NAME`: the name to display.
    pub name: String,
    /// `true` if `/usr` is an image with layered packages (`/run/ostree-booted` exists).
    pub ostree: bool,
}
