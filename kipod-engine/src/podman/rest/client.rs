//! The client of a Podman service: finds or starts the service, and sends requests with a timeout.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use futures_util::TryFutureExt;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::failure::Failure;
use super::post;
use super::process::ServiceProcess;
use crate::podman::api::PodmanError;
use crate::podman::command::Command;

/// The timeout of one request. Stopping a container takes Podman up to ten seconds, other requests two
/// on two busy cores and twenty in an emulated machine. A service that waits for a lock of its own
/// never responds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(180);

type Response<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;
type Request<'r, 'a, T> = &'r (dyn Fn(podman_api::Podman) -> Response<'a, T> + Sync);

/// A connection to a Podman service.
#[derive(Debug)]
pub(super) struct Client {
    socket: PathBuf,
    api: podman_api::Podman,
    /// `true` if `CONTAINER_HOST` selected the service.
    is_remote: bool,
    /// The service that this client started.
    own: Option<Mutex<ServiceProcess>>,
}

impl Client {
    /// Connects to a service; see [`Service::connect`](super::service::Service::connect).
    pub(super) async fn connect(
        runtime: &Path,
        container_host: Option<&str>,
    ) -> Result<Self, PodmanError> {
        if let Some(client) = Self::connect_running(runtime, container_host).await? {
            return Ok(client);
        }
        let process = ServiceProcess::start(runtime).await?;
        let socket = process.socket().to_owned();
        let api = podman_api::Podman::unix(&socket);
        Ok(Self { socket, api, is_remote: false, own: Some(Mutex::new(process)) })
    }

    /// Connects to a service, but starts none.
    pub(super) async fn connect_running(
        runtime: &Path,
        container_host: Option<&str>,
    ) -> Result<Option<Self>, PodmanError> {
        if let Some(host) = container_host.filter(|host| !host.is_empty()) {
            return Self::connect_remote(host).await.map(Some);
        }
        let Some(parent) = runtime.parent() else { return Ok(None) };
        let session = parent.join("podman/podman.sock");
        let api = podman_api::Podman::unix(&session);
        if UnixStream::connect(&session).await.is_ok() && bounded(api.ping()).await.is_ok() {
            return Ok(Some(Self { socket: session, api, is_remote: false, own: None }));
        }
        Ok(None)
    }

    async fn connect_remote(host: &str) -> Result<Self, PodmanError> {
        let path = host.strip_prefix("unix://").ok_or_else(|| PodmanError::ServiceUnavailable {
            socket: host.to_owned(),
            message: "`CONTAINER_HOST` must be a `unix://` URL".to_owned(),
        })?;
        let api = podman_api::Podman::unix(path);
        let ping = bounded(api.ping()).await;
        ping.map_err(|failure| failure.into_error(Path::new(path), "ping"))?;
        Ok(Self { socket: path.into(), api, is_remote: true, own: None })
    }

    /// The URL of the service if `CONTAINER_HOST` selected it.
    pub(super) fn remote_url(&self) -> Option<String> {
        self.is_remote.then(|| format!("unix://{}", self.socket.display()))
    }

    /// The `podman` command for this service.
    pub(super) fn command(&self) -> Command {
        match self.remote_url() {
            Some(url) => Command::new("podman").args(["--url", &url]),
            None => Command::new("podman"),
        }
    }

    /// The socket of the service.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends a request with a timeout of [`REQUEST_TIMEOUT`]. Restarts the own service if it ended
    /// while idle.
    pub(super) async fn call<'a, T, F, E>(
        &self,
        request: impl Fn(podman_api::Podman) -> F + Sync,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, E>> + Send + 'a,
        E: Into<Failure>,
    {
        self.send(&|podman| Box::pin(request(podman).err_into())).await
    }

    /// [Sends](Self::call) a read-only request. Sends it once more if the response was interrupted, as
    /// when the service was killed meanwhile: that is safe because it changes nothing.
    pub(super) async fn query<'a, T, F>(
        &self,
        request: impl Fn(podman_api::Podman) -> F + Sync,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, podman_api::Error>> + Send + 'a,
    {
        let request: Request<'_, 'a, T> = &|podman| Box::pin(request(podman).err_into());
        match self.send(request).await {
            Err(Failure::Broken(_)) => self.send(request).await,
            result => result,
        }
    }

    /// Sends a request. Compiled once per type of response, not once per request.
    async fn send<T>(&self, request: Request<'_, '_, T>) -> Result<T, Failure> {
        match bounded(request(self.api.clone())).await {
            Err(Failure::Unreachable(message)) => {
                let Some(own) = &self.own else { return Err(Failure::Unreachable(message)) };
                own.lock().await.ensure_running().await?;
                bounded(request(self.api.clone())).await
            }
            result => result,
        }
    }

    /// Sends JSON to a path of the API that the API crate cannot send, and returns the JSON of the
    /// response. Restarts the own service as [`call`](Self::call) does.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(|_| post::post(&self.socket, path, body)).await
    }

    /// Converts a failure of `action` to an error.
    pub(super) fn error(&self, failure: Failure, action: impl Into<String>) -> PodmanError {
        failure.into_error(&self.socket, action)
    }
}

/// Awaits a response for at most [`REQUEST_TIMEOUT`].
async fn bounded<T, E: Into<Failure>>(
    request: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(response) => response.map_err(Into::into),
        Err(_) => {
            let seconds = REQUEST_TIMEOUT.as_secs();
            Err(Failure::TimedOut(format!("timed out after {seconds}s waiting for a response")))
        }
    }
}
