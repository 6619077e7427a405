//! The interface to Podman: the trait [`Podman`] and its data types.

mod error;
mod info;
mod options;
mod state;
mod storage_driver;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

pub use error::PodmanError;
pub(crate) use error::STALE;
pub use info::{
    Archive, ContainerDetails, ContainerInfo, ContainerMount, ExecOutput, ImageInfo, ImageStore,
    NetworkInfo, Platform, VolumeInfo,
};
pub use options::{
    Bind, ContainerOptions, ImageHold, Labels, NetworkAttachment, NetworkOptions, PortMapping,
    VolumeMount, VolumeOptions,
};
pub use state::ContainerState;
pub use storage_driver::StorageDriver;

/// The future that every method of [`Podman`] returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, PodmanError>> + Send + 'a>>;

/// The operations of Podman that the engine uses. Lists are filtered by one label (`KEY` or
/// `KEY=VALUE`). Removals are idempotent and return whether the object existed.
pub trait Podman: Send + Sync {
    /// Returns the image with this reference, `None` if the store does not have it.
    fn image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Option<ImageInfo>>;
    /// Lists the images with a label, with or without a name; with an empty label all images.
    fn images<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ImageInfo>>;
    /// Removes a file or directory of the host that may belong to subordinate users. A path that does
    /// not exist is not an error.
    fn remove_path<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, ()>;
    /// Holds an image in the user's store. Existing parts of the hold are left unchanged.
    fn hold_image<'a>(&'a self, hold: &'a ImageHold) -> BoxFuture<'a, ()>;
    /// Removes a name of an image. The image stays, even without a name.
    fn remove_image_name<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool>;
    /// Pulls an image from its registry into the user's store.
    fn pull_image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, ()>;
    /// Copies an image by name to the store `to`, from the store `from` or, for `None`, from the
    /// user's own. The copy has the same name.
    fn copy_image<'a>(
        &'a self,
        name: &'a str,
        from: Option<&'a ImageStore>,
        to: &'a ImageStore,
    ) -> BoxFuture<'a, ()>;
    /// Loads an archive into an empty store and returns all its images.
    fn load_archive<'a>(
        &'a self,
        archive: &'a Archive,
        store: &'a ImageStore,
    ) -> BoxFuture<'a, Vec<ImageInfo>>;

    /// Creates a bridge network. Returns [`PodmanError::SubnetInUse`] for a subnet in use and
    /// [`PodmanError::NameInUse`] for a name in use.
    fn create_network<'a>(&'a self, options: &'a NetworkOptions) -> BoxFuture<'a, ()>;
    /// Lists the networks with a label; with an empty label all networks.
    fn networks<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<NetworkInfo>>;
    /// Removes a network. Fails if a container is connected to it.
    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool>;

    /// Creates a volume.
    fn create_volume<'a>(&'a self, options: &'a VolumeOptions) -> BoxFuture<'a, ()>;
    /// Lists the volumes with a label; with an empty label all volumes.
    fn volumes<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<VolumeInfo>>;
    /// Removes a volume with its content. Fails if a container uses it.
    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool>;

    /// Creates a container without starting it, and returns its id.
    fn create_container<'a>(&'a self, options: &'a ContainerOptions) -> BoxFuture<'a, String>;
    /// Extracts a tar archive below `directory` of a container, started or not; the directory is
    /// created if necessary. If `directory` is on one of the container's volumes, the files are
    /// written to the volume. Entries that lead from above a volume into it are hidden by the mount.
    ///
    /// The first upload into a container that never ran initializes it, as its start would
    /// otherwise: an empty volume is filled from the image, and ports are published. So this can
    /// return [`PodmanError::PortInUse`].
    fn upload<'a>(
        &'a self,
        container: &'a str,
        directory: &'a str,
        archive: Vec<u8>,
    ) -> BoxFuture<'a, ()>;
    /// Starts a container. A running container is left unchanged. Returns
    /// [`PodmanError::PortInUse`] if a published port is in use; another port needs a new container.
    fn start_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()>;
    /// Stops a container and waits for its end. A stopped container is left unchanged.
    fn stop_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()>;
    /// Pauses a running container: freezes all its processes.
    fn pause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()>;
    /// Unpauses a paused container.
    fn unpause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()>;
    /// Lists the containers with a label, running or not.
    fn containers<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ContainerInfo>>;
    /// Kills and removes a container with its anonymous volumes.
    fn remove_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, bool>;
    /// Removes the storage of a container that Podman's lists do not contain, as left behind when
    /// Podman was killed while creating it. Does not affect any other container.
    fn remove_container_files<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool>;
    /// Returns the details of a container.
    fn inspect_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ContainerDetails>;
    /// Returns Podman's complete description of a container, as JSON text for logs.
    fn describe_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, String>;
    /// Runs a command in a running container and waits for its end.
    fn exec<'a>(&'a self, container: &'a str, command: &'a [&'a str]) -> BoxFuture<'a, ExecOutput>;
    /// Returns the output of `podman info`, as text for logs.
    fn info(&self) -> BoxFuture<'_, String>;
    /// Returns the last `lines` lines of a container's log.
    fn logs<'a>(&'a self, container: &'a str, lines: usize) -> BoxFuture<'a, String>;
}
