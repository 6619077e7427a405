//! Everything that may say why a cluster does what it does, as files: in kind's layout, with CRI-O's log
//! where containerd's would be, and some more.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;

use super::list::{NodeSummary, nodes};
use super::record::cluster_dir;
use crate::plan::{LOAD_BALANCER, status_dir};
use crate::podman::{Podman, PodmanError};
use crate::spec::ClusterName;
use crate::util::dirs::Dirs;

/// What each node is asked: the file's name and the command that fills it.
const COMMANDS: &[(&str, &[&str])] = &[
    ("journal.log", &["journalctl", "--no-pager"]),
    ("kubelet.log", &["journalctl", "--no-pager", "-u", "kubelet"]),
    ("crio.log", &["journalctl", "--no-pager", "-u", "crio"]),
    ("kubeadm.log", &["journalctl", "--no-pager", "-u", "kipod-node"]),
    ("images.log", &["crictl", "images"]),
    ("containers.txt", &["crictl", "ps", "--all"]),
    ("units.txt", &["systemctl", "list-units", "--no-pager", "--all"]),
    ("addresses.txt", &["ip", "address"]),
    ("routes.txt", &["ip", "route", "show", "table", "all"]),
    ("mounts.txt", &["cat", "/proc/self/mountinfo"]),
];

/// What a load balancer is asked.
const BALANCER_COMMANDS: &[(&str, &[&str])] = &[
    ("journal.log", &["journalctl", "--no-pager"]),
    ("haproxy.log", &["journalctl", "--no-pager", "-u", "kipod-balancer"]),
    ("addresses.txt", &["ip", "address"]),
];

/// How many lines of what a node's first process printed are exported.
const SERIAL_LINES: usize = 10_000;

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

/// Writes what is known of a cluster below `folder`, and answers what could not be had, a line each. A
/// node that does not run has no journal to show, but still its description and what it printed.
///
/// | file | |
/// |---|---|
/// | `kipod-version.txt`, `podman-info.txt` | |
/// | `NODE/inspect.json` | Podman's description of the node's container |
/// | `NODE/serial.log` | what its first process printed |
/// | `NODE/kubernetes-version.txt` | |
/// | `NODE/phases.log` | what it reached while it booted, with times |
/// | `NODE/journal.log`, `kubelet.log`, `crio.log`, `kubeadm.log` | its journal, and parts of it |
/// | `NODE/images.log`, `containers.txt`, `units.txt`, ... | |
/// | `NODE/pods/`, `NODE/containers/`, ... | its `/var/log` |
///
/// Passwords in URLs, which a proxy's may hold, are left out of what kipod and the nodes' programs
/// wrote. What pods wrote is as they wrote it.
///
/// # Errors
///
/// When the nodes cannot be listed, there are none, or a file cannot be written.
pub async fn export_logs(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
    folder: &Path,
) -> Result<Vec<String>, LogsError> {
    let all = nodes(podman, dirs, Some(name))
        .await
        .map_err(|source| LogsError::Podman { name: name.clone(), source })?;
    if all.is_empty() {
        return Err(LogsError::NoNodes { name: name.clone() });
    }
    write(folder, "kipod-version.txt", concat!("kipod ", env!("CARGO_PKG_VERSION"), "\n"))?;
    let mut missing = Vec::new();
    match podman.info().await {
        Ok(text) => write(folder, "podman-info.txt", &text)?,
        Err(error) => missing.push(format!("podman-info.txt: {error}")),
    }
    let cluster_dir = cluster_dir(&dirs.state, name);
    let exported = all.iter().map(|node| async {
        let phases = status_dir(&cluster_dir, &node.name).join("phases");
        Export { podman, node, folder: folder.join(&node.name), missing: Vec::new() }
            .run(&phases)
            .await
    });
    for lines in join_all(exported).await {
        missing.extend(lines?);
    }
    Ok(missing)
}

/// The export of one node.
struct Export<'a> {
    podman: &'a dyn Podman,
    node: &'a NodeSummary,
    folder: PathBuf,
    missing: Vec<String>,
}

impl Export<'_> {
    async fn run(mut self, phases: &Path) -> Result<Vec<String>, LogsError> {
        let (podman, node) = (self.podman, self.node);
        let is_balancer = node.role == LOAD_BALANCER;
        let described = podman.describe_container(&node.name).await;
        self.put("inspect.json", described.map(|json| format!("{json}\n")))?;
        let printed = podman.logs(&node.name, SERIAL_LINES).await;
        self.put("serial.log", printed)?;
        if !is_balancer {
            write(
                &self.folder,
                "kubernetes-version.txt",
                &format!("{}\n", node.kubernetes_version),
            )?;
        }
        // One that was cut off before its first phase has none.
        if let Ok(text) = std::fs::read_to_string(phases) {
            write(&self.folder, "phases.log", &text)?;
        }
        if !node.state.is_running() {
            self.missing.push(format!(
                "node `{}` does not run ({}): its journal and the logs of its pods can be had only while it does",
                node.name, node.state
            ));
            return Ok(self.missing);
        }
        for (file, command) in if is_balancer { BALANCER_COMMANDS } else { COMMANDS } {
            let output = podman.exec(&node.name, command).await;
            let text = output.map(|output| {
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
            });
            self.put(file, text)?;
        }
        if !is_balancer {
            self.var_log().await?;
        }
        Ok(self.missing)
    }

    /// Writes a file, or notes why it is missing.
    fn put(&mut self, file: &str, text: Result<String, PodmanError>) -> Result<(), LogsError> {
        match text {
            Ok(text) => write(&self.folder, file, &text),
            Err(error) => {
                self.missing.push(format!("{}/{file}: {error}", self.node.name));
                Ok(())
            }
        }
    }

    /// All of the node's `/var/log` but the journal, which is there as text already, and systemd's own. It comes out as one
    /// archive, links followed, since those of containers lead to paths of the node.
    async fn var_log(&mut self) -> Result<(), LogsError> {
        let command = [
            "tar",
            "-C",
            "/var/log",
            "--exclude=./journal",
            "--exclude=./README",
            "--exclude=./private",
            "--ignore-failed-read",
            "--hard-dereference",
            "-chf",
            "-",
            ".",
        ];
        let fault = match self.podman.exec(&self.node.name, &command).await {
            // Status 1: a file grew while it was read, as the log of a living pod does.
            Ok(output) if output.status <= 1 => {
                let unpacked = tar::Archive::new(output.stdout.as_slice()).unpack(&self.folder);
                return unpacked
                    .map_err(|source| LogsError::Io { path: self.folder.clone(), source });
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        self.missing.push(format!("{}/pods: {fault}", self.node.name));
        Ok(())
    }
}

fn write(folder: &Path, file: &str, text: &str) -> Result<(), LogsError> {
    let path = folder.join(file);
    let io = |source| LogsError::Io { path: path.clone(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    std::fs::write(&path, without_passwords(text)).map_err(io)
}

/// A text with `***` in the place of user and password of every URL in it.
fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let authority = after.split(|c: char| c.is_whitespace() || "/\"'`?#".contains(c)).next();
        let end = authority.unwrap_or_default().rfind('@').unwrap_or(0);
        if end > 0 {
            shown.push_str("***");
        }
        rest = &after[end..];
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::without_passwords;

    #[test]
    fn passwords_are_left_out_and_nothing_else() {
        for (text, shown) in [
            ("nothing", "nothing"),
            ("at http://host:80/a@b", "at http://host:80/a@b"),
            (
                "HTTPS_PROXY=http://me:p@ss@proxy:3128\nnext u@h",
                "HTTPS_PROXY=http://***@proxy:3128\nnext u@h",
            ),
            ("\"https://u:p@a\", 'ftp://x@b/'", "\"https://***@a\", 'ftp://***@b/'"),
            ("ends with ://", "ends with ://"),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }
}
