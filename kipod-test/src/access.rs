//! Clients for a cluster. Each belongs to the runtime it is made in, and is never shared with
//! another: a connection that another runtime opened hangs as soon as that one does not run.

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::error::BoxError;
use crate::source::Access;

/// How a client reaches the cluster, with the default namespace that is asked for, or the
/// kubeconfig's.
pub(crate) async fn config(access: &Access, namespace: Option<&str>) -> Result<Config, BoxError> {
    let kubeconfig = Kubeconfig::from_yaml(&access.kubeconfig)?;
    let options = KubeConfigOptions { context: access.context.clone(), ..Default::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    if let Some(namespace) = namespace {
        config.default_namespace = namespace.to_owned();
    }
    Ok(config)
}

/// A new client for the runtime this is called in.
pub(crate) async fn client(access: &Access, namespace: Option<&str>) -> Result<Client, BoxError> {
    Ok(connect(config(access, namespace).await?)?)
}

/// A new client for the runtime this is called in.
pub(crate) fn connect(config: Config) -> Result<Client, kube::Error> {
    kipod_engine::client::install_crypto_provider();
    Client::try_from(config)
}

/// Asks the API server whether it is ready to serve.
pub(crate) async fn ready(client: &Client) -> Result<(), kube::Error> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await.map(drop)
}
