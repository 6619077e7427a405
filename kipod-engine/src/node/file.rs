//! A file inside a node.

use serde::Serialize;

use super::paths::ROOT;

/// A file inside a node.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct NodeFile {
    /// The absolute path, below `/var`.
    pub path: String,
    /// The permission bits.
    pub mode: u32,
    /// The content.
    pub text: String,
}

impl NodeFile {
    /// Creates a file that everyone can read. `path` is relative to kipod's directory.
    pub(super) fn new(path: &str, text: impl Into<String>) -> Self {
        Self { path: format!("{ROOT}/{path}"), mode: 0o644, text: text.into() }
    }

    /// Creates a file that only its owner can read.
    pub(super) fn secret(path: &str, text: impl Into<String>) -> Self {
        Self { mode: 0o600, ..Self::new(path, text) }
    }
}

/// Omits the content, which can be secret.
impl std::fmt::Debug for NodeFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:o}, {} bytes)", self.path, self.mode, self.text.len())
    }
}
