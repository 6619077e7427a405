//! The only room that speaks to Podman. It knows containers, images, volumes and networks, and
//! nothing of Kubernetes.
//!
//! [`Podman`] is the seam: the engine holds a `&dyn Podman`. [`Service`] is the real one (the
//! user's Podman service, through its REST API); unit tests hold `Scripted` (feature `testing`).
//! [`PodmanCli`] is the command, for what the API does not offer.

mod cli;
mod command;
mod containers;
mod error;
mod exec;
mod failure;
mod found;
mod images;
mod networks;
mod options;
mod process;
#[cfg(any(test, feature = "testing"))]
mod scripted;
mod service;
mod start;
mod sweep;
mod transfer;
mod volumes;

use std::future::Future;
use std::io::ErrorKind;
use std::path::Path;
use std::pin::Pin;

#[doc(hidden)]
pub use crate::util::text::quote;
pub use cli::{BuildOptions, ImageStore, PodmanCli};
pub use command::{Command, CommandFailure};
pub use error::PodmanError;
pub(crate) use error::STALE;
pub(crate) use found::Found;
pub use options::{
    Bind, ContainerOptions, Labels, NetworkAttachment, NetworkOptions, PortMapping, VolumeMount,
    VolumeOptions,
};
#[cfg(any(test, feature = "testing"))]
pub use scripted::{Scripted, Upload};
pub use service::Service;
use sweep::sweep;

/// What every call of the seam answers with.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, PodmanError>> + Send + 'a>>;

/// Removes a file or folder with all that is in it, also what belongs to users whom containers run as.
/// One that does not exist is fine.
pub(crate) async fn remove_tree(podman: &dyn Podman, path: &Path) -> Result<(), PodmanError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => podman.remove_path(path).await,
        Err(error) if error.kind() != ErrorKind::NotFound => Err(PodmanError::Refused {
            action: format!("remove `{}`", path.display()),
            message: error.to_string(),
        }),
        _ => Ok(()),
    }
}

/// An image in the user's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInfo {
    /// The image's id.
    pub id: String,
    /// Its references; none when another image has taken them.
    pub names: Vec<String>,
    /// Its labels.
    pub labels: Labels,
    /// What it runs on; `None` in a list, which does not say.
    pub platform: Option<Platform>,
}

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Platform {
    /// The operating system, in Go's word: `linux`.
    pub os: String,
    /// The processor's architecture, in Go's word: `amd64`, `arm64`, ...
    pub architecture: String,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// An archive of images: what `podman save` or `docker save` made, or an OCI archive, compressed or
/// not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archive {
    /// A file.
    File(std::path::PathBuf),
    /// This process's standard input.
    Stdin,
}

impl std::fmt::Display for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

/// A volume as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeInfo {
    /// The volume's name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
}

/// A container as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerInfo {
    /// The container's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Podman's word for its state: `created`, `running`, `exited`, ...
    pub state: String,
    /// The image that it was made of: a reference, or the id where that has none.
    pub image: String,
    /// Its labels.
    pub labels: Labels,
}

/// A network as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInfo {
    /// The network's name.
    pub name: String,
    /// Its subnets, as `ADDRESS/LENGTH`.
    pub subnets: Vec<String>,
    /// Its labels.
    pub labels: Labels,
}

/// What a command run inside a container left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Its exit status.
    pub status: i64,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// The seam: all the engine asks of Podman. Lists are filtered by one label (`KEY` or
/// `KEY=VALUE`), removals are idempotent and answer whether there was anything to remove.
pub trait Podman: Send + Sync {
    /// The image that `reference` names, `None` where the store has none.
    fn image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Option<ImageInfo>>;
    /// Every image with that label, named or not.
    fn images<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ImageInfo>>;
    /// Removes a file or folder of the host that may belong to users whom containers run as; one that
    /// does not exist is fine.
    fn remove_path<'a>(&'a self, path: &'a std::path::Path) -> BoxFuture<'a, ()>;
    /// Pulls an image from its registry into the user's store.
    fn pull_image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, ()>;
    /// Copies an image into the store `to`, by a name that it then has there too; from the store
    /// `from`, or the user's own where that is `None`.
    fn copy_image<'a>(
        &'a self,
        name: &'a str,
        from: Option<&'a ImageStore>,
        to: &'a ImageStore,
    ) -> BoxFuture<'a, ()>;
    /// Unpacks an archive into a store that has nothing yet, and answers every image of it.
    fn load_archive<'a>(
        &'a self,
        archive: &'a Archive,
        store: &'a ImageStore,
    ) -> BoxFuture<'a, Vec<ImageInfo>>;

    /// Creates a bridge network. A subnet in use is [`PodmanError::SubnetInUse`], a name in use
    /// [`PodmanError::NameInUse`].
    fn create_network<'a>(&'a self, options: &'a NetworkOptions) -> BoxFuture<'a, ()>;
    /// Every network with that label; with an empty label every network.
    fn networks<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<NetworkInfo>>;
    /// Removes a network. One that a container is on is not removed.
    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool>;

    /// Creates a volume.
    fn create_volume<'a>(&'a self, options: &'a VolumeOptions) -> BoxFuture<'a, ()>;
    /// Every volume with that label; with an empty label every volume.
    fn volumes<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<VolumeInfo>>;
    /// Removes a volume and all in it. One that a container uses is not removed.
    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool>;

    /// Creates a container, which is not started, and answers its id.
    fn create_container<'a>(&'a self, options: &'a ContainerOptions) -> BoxFuture<'a, String>;
    /// Unpacks a tar archive below `folder` of a container, started or not; a folder that does not
    /// exist is made. Where `folder` is on one of the container's volumes, the files land in the
    /// volume; entries that lead from above onto a volume do not, they end up hidden below it.
    ///
    /// The first upload into a container that never ran prepares it, as its start would otherwise:
    /// an empty volume gets what the image has at its place, and ports are published, so that
    /// [`PodmanError::PortInUse`] can come from here already.
    fn upload<'a>(
        &'a self,
        container: &'a str,
        folder: &'a str,
        archive: Vec<u8>,
    ) -> BoxFuture<'a, ()>;
    /// Starts a container; one that runs is left alone. A published port that is taken is
    /// [`PodmanError::PortInUse`]: another port needs another container.
    fn start_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()>;
    /// Stops a container and waits for its end; one that does not run is left alone.
    fn stop_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()>;
    /// Freezes every process of a running container.
    fn pause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()>;
    /// Lets a frozen container go on.
    fn unpause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()>;
    /// Every container with that label, running or not.
    fn containers<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ContainerInfo>>;
    /// Kills and removes a container with its anonymous volumes.
    fn remove_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, bool>;
    /// Removes what there is of a container of which Podman has only files, as when it was killed while it
    /// made it. No other container is touched.
    fn remove_container_files<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool>;
    /// Podman's own description of a container, as JSON.
    fn inspect_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, serde_json::Value>;
    /// Runs a command inside a running container and waits for its end.
    fn exec<'a>(&'a self, container: &'a str, command: &'a [&'a str]) -> BoxFuture<'a, ExecOutput>;
    /// Podman's own description of itself and of the host, for people.
    fn info(&self) -> BoxFuture<'_, String>;
    /// What the container's first process printed, the last `lines` lines of it.
    fn logs<'a>(&'a self, container: &'a str, lines: usize) -> BoxFuture<'a, String>;
}
