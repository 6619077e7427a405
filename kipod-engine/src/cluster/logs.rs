//! Exports logs in the layout of `kind export logs`, with `crio.log` for `containerd.log`, plus kipod's own
//! files.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;

use super::list::{NodeSummary, nodes};
use super::phases;
use super::record::cluster_dir;
use crate::plan::{LOAD_BALANCER, status_dir};
use crate::podman::{Podman, PodmanError};
use crate::spec::ClusterName;
use crate::util::dirs::Dirs;
use crate::util::text::error_chain;

/// Files of a node, with the command whose output they contain.
const COMMANDS: &[(&str, &[&str])] = &[
    ("journal.log", &["journalctl", "--no-pager"]),
    ("kubelet.log", &["journalctl", "--no-pager", "-u", "kubelet"]),
    ("crio.log", &["journalctl", "--no-pager", "-u", "crio"]),
    ("kubeadm.log", &["journalctl", "--no-pager", "-u", "kipod-prepare", "-u", "kipod-node"]),
    ("images.log", &["crictl", "images"]),
    ("containers.txt", &["crictl", "ps", "--all"]),
    ("units.txt", &["systemctl", "list-units", "--no-pager", "--all"]),
    ("addresses.txt", &["ip", "address"]),
    ("routes.txt", &["ip", "route", "show", "table", "all"]),
    ("mounts.txt", &["cat", "/proc/self/mountinfo"]),
];

/// Files of a load balancer, with the command whose output they contain.
const BALANCER_COMMANDS: &[(&str, &[&str])] = &[
    ("journal.log", &["journalctl", "--no-pager"]),
    ("haproxy.log", &["journalctl", "--no-pager", "-u", "kipod-balancer"]),
    ("addresses.txt", &["ip", "address"]),
];

/// The number of lines of a container's output that are exported.
const SERIAL_LINES: usize = 10_000;

/// An error of the export of a cluster's logs.
///
/// ```no_run
/// use kipod_engine::{Cluster, Error, LogsError};
///
/// async fn export(cluster: &Cluster) -> Result<Vec<String>, Error> {
///     match cluster.export_logs("logs").await {
///         Err(Error::ExportLogs(LogsError::NoNodes { .. })) => Ok(Vec::new()),
///         missing => missing,
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogsError {
    /// Podman cannot list the nodes.
    #[error("cannot list the nodes of cluster `{name}`")]
    Podman {
        /// The cluster.
        name: ClusterName,
        /// The cause.
        source: PodmanError,
    },
    /// The cluster has no nodes.
    #[error("cluster `{name}` has no nodes")]
    NoNodes {
        /// The cluster.
        name: ClusterName,
    },
    /// A file could not be written.
    #[error("cannot write `{}`", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Writes the logs of a cluster below `dir`. Returns a line for each file that is missing. The journals of
/// a stopped node are missing, but not its description and output.
///
/// | file | |
/// |---|---|
/// | `kipod-version.txt`, `podman-info.txt` | |
/// | `NODE/inspect.json` | Podman's description of the node's container |
/// | `NODE/serial.log` | the output of its first process |
/// | `NODE/kubernetes-version.txt` | |
/// | `NODE/phases.log` | the boot phases that it reached, with times |
/// | `NODE/journal.log`, `kubelet.log`, `crio.log`, `kubeadm.log` | its journal, and extracts of it |
/// | `NODE/images.log`, `containers.txt`, `units.txt`, ... | |
/// | `NODE/pods/`, `NODE/containers/`, ... | its `/var/log` |
///
/// Passwords in URLs, such as proxies', are masked in the logs of kipod and of the nodes. Logs of pods are
/// not changed.
///
/// # Errors
///
/// When the nodes cannot be listed, there are none, or a file cannot be written.
pub async fn export_logs(
    podman: &dyn Podman,
    dirs: &Dirs,
    name: &ClusterName,
    dir: &Path,
) -> Result<Vec<String>, LogsError> {
    let all = nodes(podman, dirs, Some(name))
        .await
        .map_err(|source| LogsError::Podman { name: name.clone(), source })?;
    if all.is_empty() {
        return Err(LogsError::NoNodes { name: name.clone() });
    }
    write(dir, "kipod-version.txt", concat!("kipod ", env!("CARGO_PKG_VERSION"), "\n"))?;
    let mut missing = Vec::new();
    match podman.info().await {
        Ok(text) => write(dir, "podman-info.txt", &text)?,
        Err(error) => missing.push(format!("podman-info.txt: {}", error_chain(&error))),
    }
    let cluster_dir = cluster_dir(&dirs.state, name);
    let exported = all.iter().map(|node| async {
        let status_dir = status_dir(&cluster_dir, &node.name);
        let dir = dir.join(&node.name);
        Export { podman, node, dir, missing: Vec::new() }.run(&status_dir).await
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
    dir: PathBuf,
    missing: Vec<String>,
}

impl Export<'_> {
    async fn run(mut self, status_dir: &Path) -> Result<Vec<String>, LogsError> {
        let (podman, node) = (self.podman, self.node);
        let is_balancer = node.role == LOAD_BALANCER;
        let description = podman.describe_container(&node.name).await;
        self.put("inspect.json", description.map(|json| format!("{json}\n")))?;
        let output = podman.logs(&node.name, SERIAL_LINES).await;
        self.put("serial.log", output)?;
        if !is_balancer {
            write(&self.dir, "kubernetes-version.txt", &format!("{}\n", node.kubernetes_version))?;
        }
        // Missing if the node was interrupted before its first phase.
        if let Some(text) = phases::text(status_dir) {
            write(&self.dir, "phases.log", &text)?;
        }
        if !node.state.is_running() {
            self.missing.push(format!(
                "node `{}` is not running ({}): its journal and the logs of its pods are only available while it runs",
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
            Ok(text) => write(&self.dir, file, &text),
            Err(error) => {
                let error = error_chain(&error);
                self.missing.push(format!("{}/{file}: {error}", self.node.name));
                Ok(())
            }
        }
    }

    /// Exports the node's `/var/log`, except for the journal, which is exported as text, and systemd's
    /// files. Follows symbolic links, since those of containers point to other directories of the node.
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
        let error = match self.podman.exec(&self.node.name, &command).await {
            // Status 1: a file grew while it was read, as the log of a living pod does.
            Ok(output) if output.status <= 1 => {
                let unpacked = tar::Archive::new(output.stdout.as_slice()).unpack(&self.dir);
                return unpacked.map_err(|source| LogsError::Io { path: self.dir.clone(), source });
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error_chain(&error),
        };
        self.missing.push(format!("{}/pods: {error}", self.node.name));
        Ok(())
    }
}

fn write(dir: &Path, file: &str, text: &str) -> Result<(), LogsError> {
    let path = dir.join(file);
    let io = |source| LogsError::Io { path: path.clone(), source };
    std::fs::create_dir_all(dir).map_err(io)?;
    std::fs::write(&path, mask_passwords(text)).map_err(io)
}

/// Replaces user and password of each URL in a text by `***`.
pub(crate) fn mask_passwords(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        masked.push_str(before);
        let authority = after.split(|c: char| c.is_whitespace() || "/\"'`?#".contains(c)).next();
        let end = authority.unwrap_or_default().rfind('@').unwrap_or(0);
        if end > 0 {
            masked.push_str("***");
        }
        rest = &after[end..];
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::mask_passwords;

    #[test]
    fn mask_passwords_changes_credentials_only() {
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
            assert_eq!(mask_passwords(text), shown);
        }
    }
}
