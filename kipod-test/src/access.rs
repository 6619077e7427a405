//! Clients for a cluster. Each belongs to the runtime it is made in, and is never shared with
//! another: a connection that another runtime opened hangs as soon as that one does not run.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::error::BoxError;
use crate::settings::stretched;
use crate::source::Access;

/// How long the harness's own requests may hear nothing from an API server. One that is busy answers
/// after seconds; one whose node is gone, or stopped, would be waited for for ever.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// How clients reach the cluster, with the kubeconfig's default namespace.
pub(crate) async fn config(access: &Access) -> Result<Config, BoxError> {
    let kubeconfig = Kubeconfig::from_yaml(&access.kubeconfig)?;
    let options = KubeConfigOptions { context: access.context.clone(), ..Default::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    if access.context.is_none() {
        // The cluster is on this machine; a proxy of the environment is for others.
        config.proxy_url = None;
    }
    Ok(config)
}

/// A new client for the harness's own work in the runtime this is called in.
pub(crate) fn own_client(config: &Config) -> Result<Client, kube::Error> {
    let mut config = config.clone();
    config.read_timeout = Some(stretched(SILENCE_LIMIT));
    config.write_timeout = Some(stretched(SILENCE_LIMIT));
    connect(config)
}

/// A new client for the runtime this is called in.
pub(crate) fn connect(config: Config) -> Result<Client, kube::Error> {
    kipod_engine::kubeconfig::client::install_crypto_provider();
    Client::try_from(config)
}

/// Asks the API server whether it is ready to serve.
pub(crate) async fn ready(client: &Client) -> Result<(), kube::Error> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await.map(drop)
}
