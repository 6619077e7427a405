//! [`Service`], the implementation of [`Podman`] by the REST API of a Podman service.

use std::path::Path;

use super::client::Client;
use super::{containers, exec, images, networks, start, storage_containers, transfer, volumes};
use crate::podman::api::{
    Archive, BoxFuture, ContainerDetails, ContainerInfo, ContainerOptions, ExecOutput, ImageHold,
    ImageInfo, ImageStore, NetworkInfo, NetworkOptions, Podman, PodmanError, VolumeInfo,
    VolumeOptions,
};
use crate::podman::cli::PodmanCli;

/// The implementation of [`Podman`] by the REST API of a Podman service.
///
/// ```no_run
/// # async fn example() -> Result<(), kipod_engine::podman::PodmanError> {
/// use kipod_engine::podman::{Podman, Service};
///
/// let service = Service::connect("/run/user/1000/kipod".as_ref(), None).await?;
/// for container in service.containers("io.kipod.cluster").await? {
///     assert!(!container.name.is_empty());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Service(Client);

impl Service {
    /// Connects to a Podman service: the one that `container_host` selects (the value of
    /// `CONTAINER_HOST`, which must be a `unix://` URL), otherwise that of the login session
    /// (`podman/podman.sock` next to `runtime`, as in systemd's socket unit). If the latter does not
    /// respond, starts a service with a socket in `runtime` ([`Dirs::runtime`](crate::Dirs)). That
    /// service ends with this value, or after 30 s without a request if this process was killed.
    ///
    /// # Errors
    ///
    /// When there is no `podman` program, when the service that `container_host` selects does not
    /// respond, or when a service cannot be started.
    pub async fn connect(
        runtime: &Path,
        container_host: Option<&str>,
    ) -> Result<Self, PodmanError> {
        Client::connect(runtime, container_host).await.map(Self)
    }

    /// Connects to a service like [`connect`](Self::connect), but starts none: returns `None` if that
    /// would be necessary.
    ///
    /// # Errors
    ///
    /// When the service that `container_host` selects does not respond.
    pub async fn connect_running(
        runtime: &Path,
        container_host: Option<&str>,
    ) -> Result<Option<Self>, PodmanError> {
        Ok(Client::connect_running(runtime, container_host).await?.map(Self))
    }

    /// The socket of the service.
    pub fn socket(&self) -> &Path {
        self.0.socket()
    }
}

impl Podman for Service {
    fn image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Option<ImageInfo>> {
        Box::pin(images::find(&self.0, reference))
    }

    fn images<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ImageInfo>> {
        Box::pin(images::list(&self.0, label))
    }

    fn remove_path<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, ()> {
        Box::pin(async move { PodmanCli::new().unshare_remove(path).await })
    }

    fn hold_image<'a>(&'a self, hold: &'a ImageHold) -> BoxFuture<'a, ()> {
        Box::pin(images::hold(&self.0, hold))
    }

    fn remove_image_name<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(images::untag(&self.0, name))
    }

    fn pull_image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { PodmanCli::new().pull(reference).await })
    }

    fn copy_image<'a>(
        &'a self,
        name: &'a str,
        from: Option<&'a ImageStore>,
        to: &'a ImageStore,
    ) -> BoxFuture<'a, ()> {
        Box::pin(transfer::copy(&self.0, name, from, to))
    }

    fn load_archive<'a>(
        &'a self,
        archive: &'a Archive,
        store: &'a ImageStore,
    ) -> BoxFuture<'a, Vec<ImageInfo>> {
        Box::pin(transfer::load(archive, store))
    }

    fn create_network<'a>(&'a self, options: &'a NetworkOptions) -> BoxFuture<'a, ()> {
        Box::pin(networks::create(&self.0, options))
    }

    fn networks<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<NetworkInfo>> {
        Box::pin(networks::list(&self.0, label))
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(networks::remove(&self.0, name))
    }

    fn create_volume<'a>(&'a self, options: &'a VolumeOptions) -> BoxFuture<'a, ()> {
        Box::pin(volumes::create(&self.0, options))
    }

    fn volumes<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<VolumeInfo>> {
        Box::pin(volumes::list(&self.0, label))
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(volumes::remove(&self.0, name))
    }

    fn create_container<'a>(&'a self, options: &'a ContainerOptions) -> BoxFuture<'a, String> {
        Box::pin(containers::create(&self.0, options))
    }

    fn upload<'a>(
        &'a self,
        container: &'a str,
        directory: &'a str,
        archive: Vec<u8>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(exec::upload(&self.0, container, directory, archive))
    }

    fn start_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(start::start(&self.0, container))
    }

    fn stop_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(containers::stop(&self.0, container))
    }

    fn pause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(containers::pause(&self.0, container))
    }

    fn unpause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(containers::unpause(&self.0, container))
    }

    fn containers<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ContainerInfo>> {
        Box::pin(containers::list(&self.0, label))
    }

    fn remove_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(containers::remove(&self.0, container))
    }

    fn remove_container_files<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(storage_containers::remove(&self.0, name))
    }

    fn inspect_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ContainerDetails> {
        Box::pin(containers::inspect(&self.0, container))
    }

    fn describe_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, String> {
        Box::pin(containers::describe(&self.0, container))
    }

    fn exec<'a>(&'a self, container: &'a str, command: &'a [&'a str]) -> BoxFuture<'a, ExecOutput> {
        Box::pin(exec::run(&self.0, container, command))
    }

    fn info(&self) -> BoxFuture<'_, String> {
        Box::pin(exec::info(&self.0))
    }

    fn logs<'a>(&'a self, container: &'a str, lines: usize) -> BoxFuture<'a, String> {
        Box::pin(exec::logs(&self.0, container, lines))
    }
}
