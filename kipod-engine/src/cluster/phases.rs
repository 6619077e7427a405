//! What a node says of itself, in files of the folder it shares with the host.

use std::path::Path;

/// A phase that a node has reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// When, in seconds since the Unix epoch.
    pub at: f64,
    /// Which: `booted`, `kubeadm-started`, `kubeadm-finished`, `restarted`.
    pub name: String,
}

/// Every phase that the node with this status folder has reached, oldest first.
pub fn phases(status_dir: &Path) -> Vec<Phase> {
    let text = std::fs::read_to_string(status_dir.join("phases")).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let (at, name) = line.split_once(' ')?;
            Some(Phase { at: at.parse().ok()?, name: name.to_owned() })
        })
        .collect()
}

/// Whether the node has reached that phase.
pub(crate) fn reached(status_dir: &Path, phase: &str) -> bool {
    phases(status_dir).iter().any(|reached| reached.name == phase)
}

/// The step in which the node failed, if it did.
pub(crate) fn failed_step(status_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(status_dir.join("failed")).ok()?;
    Some(text.trim().to_owned())
}
