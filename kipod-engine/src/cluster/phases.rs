//! Boot phases, failures and warnings of a node, read from the files in its status directory.

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

/// A component of a node that exited while kubeadm waited for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exits {
    /// The name of the systemd unit, or of the container in `kube-system`.
    pub(crate) component: String,
    /// The number of exits.
    pub(crate) count: u32,
}

/// Returns the components that have exited until kubeadm finished. None afterwards: only then does the
/// node keep its file up to date.
pub(crate) fn exits(status_dir: &Path) -> Vec<Exits> {
    let text = read_untrusted(&status_dir.join("exits"), LIMIT).unwrap_or_default();
    if text.is_empty() || reached(status_dir, "kubeadm-finished") {
        return Vec::new();
    }
    let mut all: Vec<Exits> = Vec::new();
    for line in text.lines() {
        let Some((component, count)) = line.split_once(' ') else { continue };
        let Ok(count) = count.trim().parse() else { continue };
        // A container has a line for each of its logs.
        match all.iter_mut().find(|known| known.component == component) {
            Some(known) => known.count = known.count.max(count),
            None => all.push(Exits { component: component.to_owned(), count }),
        }
    }
    all
}

/// Returns kubeadm's warnings about its configuration on this node.
pub(crate) fn warnings(status_dir: &Path) -> Vec<String> {
    let text = read_untrusted(&status_dir.join("warnings"), LIMIT).unwrap_or_default();
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
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

    #[test]
    fn exits_count_the_newest_log_until_kubeadm_finished() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(exits(dir.path()), []);
        let text = "kubelet 3\nkube-apiserver 1\nkube-apiserver 2\nbroken\n";
        std::fs::write(dir.path().join("exits"), text).unwrap();
        let found = exits(dir.path());
        let found: Vec<_> = found.iter().map(|one| (one.component.as_str(), one.count)).collect();
        assert_eq!(found, [("kubelet", 3), ("kube-apiserver", 2)]);
        std::fs::write(dir.path().join("phases"), "1.5 kubeadm-finished\n").unwrap();
        assert_eq!(exits(dir.path()), []);
    }
}
