//! kube clients. A client is used only on the runtime that created it: a connection of another
//! runtime hangs as soon as that runtime is not driven.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

use crate::cluster_request::ExistingCluster;
use crate::engine_api::install_crypto_provider;
use crate::error::BoxError;
use crate::json::{text, to_json};
use crate::settings::scaled;

/// Read and write timeout of the harness's own requests. A busy API server responds within seconds;
/// without a timeout, a request to a stopped node would wait forever.
const IO_TIMEOUT: Duration = Duration::from_secs(60);

/// Lifetime of a token: longer than a test runs, and above the API server's minimum of ten minutes.
const TOKEN_SECONDS: i64 = 3600;

/// Returns the client configuration for a cluster, with the default namespace of its kubeconfig.
pub(crate) async fn config(access: &ExistingCluster) -> Result<Config, BoxError> {
    let kubeconfig = Kubeconfig::from_yaml(&access.kubeconfig)?;
    let options = KubeConfigOptions { context: access.context.clone(), ..Default::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    if access.context.is_none() {
        // The cluster runs on this host: a proxy from the environment does not apply.
        config.proxy_url = None;
    }
    Ok(config)
}

/// Creates a client for requests of the harness on the current runtime.
pub(crate) fn connect_with_timeout(config: &Config) -> Result<Client, kube::Error> {
    let mut config = config.clone();
    config.read_timeout = Some(scaled(IO_TIMEOUT));
    config.write_timeout = Some(scaled(IO_TIMEOUT));
    connect(config)
}

/// Creates a client for the current runtime.
pub(crate) fn connect(config: Config) -> Result<Client, kube::Error> {
    install_crypto_provider();
    Client::try_from(config)
}

/// Creates a client with the permissions of an existing ServiceAccount. `config` is the
/// administrator's.
pub(crate) async fn connect_as(
    admin: &Client,
    mut config: Config,
    namespace: &str,
    account: &str,
) -> Result<Client, BoxError> {
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), namespace);
    let request = json!({"spec": {"audiences": [], "expirationSeconds": TOKEN_SECONDS}});
    let request: TokenRequest = serde_json::from_value(request)?;
    let response = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    let response = to_json(&response);
    let token = text(&response["status"]["token"]).ok_or("the API server returned no token")?;
    // Replaces all credentials of the administrator.
    config.auth_info = serde_json::from_value(json!({"token": token}))?;
    namespace.clone_into(&mut config.default_namespace);
    Ok(connect(config)?)
}

/// Queries the readiness of the API server.
pub(crate) async fn check_ready(client: &Client) -> Result<(), kube::Error> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await.map(drop)
}
