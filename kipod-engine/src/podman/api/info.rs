//! Images, containers, networks and volumes as Podman reports them.

use std::fmt;
use std::path::PathBuf;

use super::{ContainerState, Labels};

/// An image in an image store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInfo {
    /// The image's id.
    pub id: String,
    /// Its references; none when all of them were assigned to other images.
    pub names: Vec<String>,
    /// Its labels.
    pub labels: Labels,
    /// Its platform; `None` in a list, which does not contain it.
    pub platform: Option<Platform>,
}

/// The platform of an image.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Platform {
    /// The operating system, as Go names it: `linux`.
    pub os: String,
    /// The processor architecture, as Go names it: `amd64`, `arm64`, ...
    pub architecture: String,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// An image archive, written by `podman save` or `docker save`, or an OCI archive, compressed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archive {
    /// A file.
    File(PathBuf),
    /// The standard input of this process.
    Stdin,
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

/// An image store other than the user's own. It has the layout of `containers/storage`, so that a
/// node can mount it read-only as an additional image store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageStore {
    /// The store's directory.
    pub root: PathBuf,
    /// The directory of Podman's runtime state for the store. Readers of the store do not need it.
    pub runroot: PathBuf,
    /// The storage driver: `overlay` or `vfs`.
    pub driver: &'static str,
}

impl ImageStore {
    /// Creates the description of an overlay store in `root`, with its runtime state in `ROOT.run`.
    ///
    /// ```
    /// use kipod_engine::podman::ImageStore;
    ///
    /// let store = ImageStore::new("/home/ada/stores/v1.36.2");
    /// assert_eq!(store.runroot.to_str(), Some("/home/ada/stores/v1.36.2.run"));
    /// ```
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let mut runroot = root.clone().into_os_string();
        runroot.push(".run");
        Self { root, runroot: runroot.into(), driver: "overlay" }
    }
}

/// A volume, as in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeInfo {
    /// The volume's name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
}

/// A network, as in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInfo {
    /// The network's name.
    pub name: String,
    /// Its subnets, as `ADDRESS/LENGTH`.
    pub subnets: Vec<String>,
    /// Its labels.
    pub labels: Labels,
}

/// A container, as in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerInfo {
    /// The container's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ContainerState,
    /// The image it was created from: a reference, or the id of an image without one.
    pub image: String,
    /// Its labels.
    pub labels: Labels,
}

/// The details of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerDetails {
    /// Its state.
    pub state: ContainerState,
    /// The process id of its first process on the host; `None` unless the container is running.
    pub pid: Option<u32>,
    /// The number of restarts by Podman.
    pub restart_count: u64,
    /// The id of its image.
    pub image: String,
    /// Its bind mounts and volumes.
    pub mounts: Vec<ContainerMount>,
}

/// A bind mount or a volume of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerMount {
    /// The path on the host.
    pub source: PathBuf,
    /// The path in the container.
    pub destination: PathBuf,
}

/// The result of a command in a node: its output and exit status.
///
/// ```no_run
/// # async fn example(cluster: kipod_engine::Cluster) -> Result<(), kipod_engine::Error> {
/// let node = &cluster.nodes().await?[0].name;
/// let output = cluster.exec(node, &["systemctl", "is-active", "kubelet"]).await?;
/// assert_eq!(output.status, 0, "{}", String::from_utf8_lossy(&output.stderr));
/// assert_eq!(output.stdout, b"active\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecOutput {
    /// The exit status.
    pub status: i64,
    /// The standard output.
    pub stdout: Vec<u8>,
    /// The standard error.
    pub stderr: Vec<u8>,
}
