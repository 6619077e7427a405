//! Everything that may say why a cluster does what it does, as files.

use std::path::{Path, PathBuf};

use super::list::{NodeSummary, nodes};
use crate::plan::LOAD_BALANCER;
use crate::podman::{Podman, PodmanError};
use crate::spec::ClusterName;

/// What each node is asked: the file's name and the command that fills it.
const COMMANDS: &[(&str, &[&str])] = &[
    ("kubelet.log", &["journalctl", "--no-pager", "-u", "kubelet"]),
    ("crio.log", &["journalctl", "--no-pager", "-u", "crio"]),
    ("kubeadm.log", &["journalctl", "--no-pager", "-u", "kipod-node"]),
    ("journal.log", &["journalctl", "--no-pager"]),
    ("images.txt", &["crictl", "images"]),
    ("containers.txt", &["crictl", "ps", "--all"]),
    ("units.txt", &["systemctl", "list-units", "--no-pager", "--all"]),
    ("addresses.txt", &["ip", "address"]),
    ("mounts.txt", &["cat", "/proc/self/mountinfo"]),
];

/// What a load balancer is asked.
const BALANCER_COMMANDS: &[(&str, &[&str])] = &[
    ("haproxy.log", &["journalctl", "--no-pager", "-u", "kipod-balancer"]),
    ("journal.log", &["journalctl", "--no-pager"]),
    ("addresses.txt", &["ip", "address"]),
];

/// Logs that could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// Podman did not answer.
    #[error("cannot list the nodes of cluster `{name}`: {source}")]
    Podman {
        /// The cluster.
        name: ClusterName,
        /// Why.
        source: PodmanError,
    },
    /// The cluster has no nodes.
    #[error("cluster `{name}` has no nodes")]
    NoNodes {
        /// The cluster.
        name: ClusterName,
    },
    /// A file could not be written.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Writes the logs of every node of a cluster below `folder`, one folder a node, and answers what
/// could not be had: a node that does not run has no journal to show, but still its description.
///
/// # Errors
///
/// When the nodes cannot be listed, there are none, or a file cannot be written.
pub async fn export_logs(
    podman: &dyn Podman,
    name: &ClusterName,
    folder: &Path,
) -> Result<Vec<String>, LogsError> {
    let all = nodes(podman, Some(name))
        .await
        .map_err(|source| LogsError::Podman { name: name.clone(), source })?;
    if all.is_empty() {
        return Err(LogsError::NoNodes { name: name.clone() });
    }
    let mut missing = Vec::new();
    for NodeSummary { name: node, role, .. } in &all {
        let is_balancer = role == LOAD_BALANCER;
        let folder = folder.join(node);
        let write = |file: &str, bytes: &[u8]| write(&folder, file, bytes);
        match podman.inspect_container(node).await {
            Ok(state) => write("inspect.json", format!("{state:#}\n").as_bytes())?,
            Err(error) => missing.push(format!("{node}/inspect.json: {error}")),
        }
        match podman.logs(node, 10_000).await {
            Ok(text) => write("console.log", text.as_bytes())?,
            Err(error) => missing.push(format!("{node}/console.log: {error}")),
        }
        for (file, command) in if is_balancer { BALANCER_COMMANDS } else { COMMANDS } {
            match podman.exec(node, command).await {
                Ok(output) => write(file, &[output.stdout, output.stderr].concat())?,
                Err(error) => missing.push(format!("{node}/{file}: {error}")),
            }
        }
        if !is_balancer {
            pod_logs(podman, node, &folder, &mut missing).await?;
        }
    }
    Ok(missing)
}

/// The logs of pods lie in one folder of the node, which comes out as one archive.
async fn pod_logs(
    podman: &dyn Podman,
    node: &str,
    folder: &Path,
    missing: &mut Vec<String>,
) -> Result<(), LogsError> {
    // Status 1: a file grew while it was read, as the log of a living pod does.
    let command = ["tar", "-C", "/var/log", "--ignore-failed-read", "-cf", "-", "pods"];
    let target = folder.join("pods");
    match podman.exec(node, &command).await {
        Ok(output) if output.status <= 1 => {
            let unpacked = tar::Archive::new(output.stdout.as_slice()).unpack(folder);
            unpacked.map_err(|source| LogsError::Io { path: target, source })
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            missing.push(format!("{node}/pods: {said}"));
            Ok(())
        }
        Err(error) => {
            missing.push(format!("{node}/pods: {error}"));
            Ok(())
        }
    }
}

fn write(folder: &Path, file: &str, bytes: &[u8]) -> Result<(), LogsError> {
    let path = folder.join(file);
    let io = |source| LogsError::Io { path: path.clone(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    std::fs::write(&path, bytes).map_err(io)
}
