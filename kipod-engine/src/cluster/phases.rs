//! Boot phases of a node, read from the files `phases` and `failed` in its status directory.

use std::path::Path;

/// A phase that a node has reached.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BootPhase {
    /// The time, in seconds since the Unix epoch.
    pub(crate) at: f64,
    /// The name: `booted`, `kubeadm-started`, `kubeadm-finished`, `restarted`.
    pub(crate) name: String,
}

/// Returns the phases that the node with this status directory has reached, oldest first.
pub(crate) fn phases(status_dir: &Path) -> Vec<BootPhase> {
    let text = std::fs::read_to_string(status_dir.join("phases")).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let (at, name) = line.split_once(' ')?;
            Some(BootPhase { at: at.parse().ok()?, name: name.to_owned() })
        })
        .collect()
}

/// Returns whether the node has reached a phase.
pub(crate) fn reached(status_dir: &Path, phase: &str) -> bool {
    phases(status_dir).iter().any(|reached| reached.name == phase)
}

/// Returns the step in which the node failed, if it failed.
pub(crate) fn failed_step(status_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(status_dir.join("failed")).ok()?;
    Some(text.trim().to_owned())
}
