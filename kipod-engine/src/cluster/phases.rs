//! Boot phases of a node, read from the files `phases` and `failed` in its status directory.

use std::path::Path;

use crate::util::bounded::read_untrusted;

/// The limit of a status file. Each start of a node adds a few short lines.
const LIMIT: u64 = 1 << 20;

/// A phase that a node has reached.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BootPhase {
    /// The time, in seconds since the Unix epoch.
    pub(crate) at: f64,
    /// The name: `booted`, `kubeadm-started`, `kubeadm-finished`, `restarted`.
    pub(crate) name: String,
}

/// Returns the file of phases, if it can be read. Root on the node can replace every file in the directory.
pub(crate) fn text(status_dir: &Path) -> Option<String> {
    read_untrusted(&status_dir.join("phases"), LIMIT).ok()
}

/// Returns the phases that the node with this status directory has reached, oldest first.
pub(crate) fn phases(status_dir: &Path) -> Vec<BootPhase> {
    parse(&text(status_dir).unwrap_or_default())
}

/// Parses a file of phases.
pub(super) fn parse(text: &str) -> Vec<BootPhase> {
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
    let text = read_untrusted(&status_dir.join("failed"), LIMIT).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_cannot_make_the_host_read_other_files() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "1 booted\n").unwrap();
        let status = dir.path().join("status");
        std::fs::create_dir(&status).unwrap();
        for name in ["phases", "failed"] {
            std::os::unix::fs::symlink(&secret, status.join(name)).unwrap();
        }
        assert_eq!((text(&status), failed_step(&status)), (None, None));
        assert_eq!(phases(&status), []);
        std::fs::remove_file(status.join("phases")).unwrap();
        std::fs::rename(&secret, status.join("phases")).unwrap();
        assert!(reached(&status, "booted"));
    }
}
