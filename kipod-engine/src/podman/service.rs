//! The user's Podman service: finding it, or starting one for as long as we need it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::failure::Failure;
use super::process::ServiceProcess;
use super::{
    Archive, BoxFuture, ContainerInfo, ContainerOptions, ExecOutput, ImageInfo, ImageStore,
    NetworkInfo, NetworkOptions, Podman, PodmanCli, PodmanError, VolumeInfo, VolumeOptions,
    containers, images, networks, start, transfer, volumes,
};

/// How long Podman may take to answer one request. Stopping a container takes it ten seconds at most,
/// anything else two on two busy cores, and twenty in an emulated machine; a service that waits for
/// a lock of its own never answers.
const ANSWER_LIMIT: Duration = Duration::from_secs(180);

/// The real [`Podman`], through the REST API of a Podman service.
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
pub struct Service {
    socket: PathBuf,
    client: podman_api::Podman,
    /// Whether `CONTAINER_HOST` named it.
    named: bool,
    /// The service we started, if nobody else's answered.
    own: Option<Mutex<ServiceProcess>>,
}

impl Service {
    /// Connects to the service that `container_host` names (the value of `CONTAINER_HOST`, of
    /// which only `unix://` is understood); without one to the login session's
    /// (`podman/podman.sock` beside `runtime`, as systemd's socket unit has it); and where that
    /// does not answer, to one that it starts itself, with a socket in `runtime`
    /// ([`Dirs::runtime`](crate::Dirs)). Such a service ends with this value, or after half a
    /// minute without a request when this process was killed.
    ///
    /// # Errors
    ///
    /// When there is no `podman` program, when the service that `container_host` names does not
    /// answer, or when a service cannot be started.
    pub async fn connect(
        runtime: &Path,
        container_host: Option<&str>,
    ) -> Result<Self, PodmanError> {
        if let Some(host) = container_host.filter(|host| !host.is_empty()) {
            let path = host.strip_prefix("unix://").ok_or_else(|| PodmanError::NoService {
                socket: host.to_owned(),
                message: "only `unix://` sockets can be used in `CONTAINER_HOST`".to_owned(),
            })?;
            let client = podman_api::Podman::unix(path);
            let ping = bounded(client.ping()).await;
            ping.map_err(|failure| failure.into_error(Path::new(path), "ping"))?;
            return Ok(Self { named: true, ..Self::over(path.into(), client, None) });
        }
        if let Some(session) = runtime.parent().map(|parent| parent.join("podman/podman.sock")) {
            let client = podman_api::Podman::unix(&session);
            if UnixStream::connect(&session).await.is_ok() && bounded(client.ping()).await.is_ok() {
                return Ok(Self::over(session, client, None));
            }
        }
        let process = ServiceProcess::start(runtime).await?;
        let socket = process.socket().to_owned();
        let client = podman_api::Podman::unix(&socket);
        Ok(Self::over(socket, client, Some(Mutex::new(process))))
    }

    fn over(
        socket: PathBuf,
        client: podman_api::Podman,
        own: Option<Mutex<ServiceProcess>>,
    ) -> Self {
        Self { socket, client, named: false, own }
    }

    /// The URL of the service, if it is one that was named and not the user's own.
    pub(super) fn named_url(&self) -> Option<String> {
        self.named.then(|| format!("unix://{}", self.socket.display()))
    }

    /// The socket of the service in use.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends one request, and waits for its answer no longer than [`ANSWER_LIMIT`]. A service of our own
    /// that ended while idle is started again.
    pub(super) async fn call<T, F>(
        &self,
        request: impl Fn(podman_api::Podman) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, podman_api::Error>>,
    {
        match bounded(request(self.client.clone())).await {
            Err(Failure::Unreachable(message)) => {
                let Some(own) = &self.own else { return Err(Failure::Unreachable(message)) };
                own.lock().await.ensure_running().await?;
                bounded(request(self.client.clone())).await
            }
            result => result,
        }
    }

    /// [`call`](Self::call) of a question. One whose answer broke off, as when the service was killed just
    /// then, is asked once more: that changes nothing.
    pub(super) async fn ask<T, F>(
        &self,
        question: impl Fn(podman_api::Podman) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, podman_api::Error>>,
    {
        match self.call(&question).await {
            Err(Failure::Broken(_)) => self.call(&question).await,
            answer => answer,
        }
    }

    /// `failure` of what `action` says.
    pub(super) fn error(&self, failure: Failure, action: impl Into<String>) -> PodmanError {
        failure.into_error(&self.socket, action)
    }
}

/// The answer to a request, if it comes in time.
async fn bounded<T>(
    request: impl Future<Output = Result<T, podman_api::Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER_LIMIT, request).await {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_) => Err(Failure::Late(format!("no answer in {} s", ANSWER_LIMIT.as_secs()))),
    }
}

impl Podman for Service {
    fn image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Option<ImageInfo>> {
        Box::pin(images::find(self, reference))
    }

    fn images<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ImageInfo>> {
        Box::pin(images::list(self, label))
    }

    fn remove_path<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, ()> {
        Box::pin(async move { PodmanCli::new().unshare_remove(path).await })
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
        Box::pin(transfer::copy(self, name, from, to))
    }

    fn load_archive<'a>(
        &'a self,
        archive: &'a Archive,
        store: &'a ImageStore,
    ) -> BoxFuture<'a, Vec<ImageInfo>> {
        Box::pin(transfer::load(archive, store))
    }

    fn create_network<'a>(&'a self, options: &'a NetworkOptions) -> BoxFuture<'a, ()> {
        Box::pin(networks::create(self, options))
    }

    fn networks<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<NetworkInfo>> {
        Box::pin(networks::list(self, label))
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(networks::remove(self, name))
    }

    fn create_volume<'a>(&'a self, options: &'a VolumeOptions) -> BoxFuture<'a, ()> {
        Box::pin(volumes::create(self, options))
    }

    fn volumes<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<VolumeInfo>> {
        Box::pin(volumes::list(self, label))
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(volumes::remove(self, name))
    }

    fn create_container<'a>(&'a self, options: &'a ContainerOptions) -> BoxFuture<'a, String> {
        Box::pin(containers::create(self, options))
    }

    fn upload<'a>(
        &'a self,
        container: &'a str,
        folder: &'a str,
        archive: Vec<u8>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(super::exec::upload(self, container, folder, archive))
    }

    fn start_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(start::start(self, container))
    }

    fn stop_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(containers::stop(self, container))
    }

    fn pause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(containers::pause(self, container))
    }

    fn unpause_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(containers::unpause(self, container))
    }

    fn containers<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Vec<ContainerInfo>> {
        Box::pin(containers::list(self, label))
    }

    fn remove_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(containers::remove(self, container))
    }

    fn remove_container_files<'a>(&'a self, name: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(super::sweep::remove_container_files(self, name))
    }

    fn inspect_container<'a>(&'a self, container: &'a str) -> BoxFuture<'a, serde_json::Value> {
        Box::pin(containers::inspect(self, container))
    }

    fn exec<'a>(&'a self, container: &'a str, command: &'a [&'a str]) -> BoxFuture<'a, ExecOutput> {
        Box::pin(super::exec::run(self, container, command))
    }

    fn info(&self) -> BoxFuture<'_, String> {
        Box::pin(super::exec::info(self))
    }

    fn logs<'a>(&'a self, container: &'a str, lines: usize) -> BoxFuture<'a, String> {
        Box::pin(super::exec::logs(self, container, lines))
    }
}
