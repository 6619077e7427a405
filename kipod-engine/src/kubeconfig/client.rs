//! A client of a cluster's API server, on the host.

use std::sync::Once;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// How long one attempt to reach the API server may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A kubeconfig that no client can be made of.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The text is no kubeconfig, or lacks something.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The credentials in it cannot be used.
    #[error("cannot make a client of the kubeconfig: {0}")]
    Client(#[from] kube::Error),
}

/// A client for the current context of a kubeconfig. It belongs to the runtime it is made in:
/// another runtime needs another client, even while this one lives.
///
/// # Errors
///
/// When the text is no kubeconfig, or its credentials cannot be used.
pub async fn connect(kubeconfig: &str) -> Result<Client, ClientError> {
    connect_within(kubeconfig, CONNECT_TIMEOUT).await
}

/// [`connect`], where one attempt to reach the API server may take as long as `limit`.
pub(crate) async fn connect_within(
    kubeconfig: &str,
    limit: Duration,
) -> Result<Client, ClientError> {
    install_crypto_provider();
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // The server is on this machine; a proxy of the environment is for others.
    config.proxy_url = None;
    config.connect_timeout = Some(limit);
    Ok(Client::try_from(config)?)
}

/// With two of rustls' providers in a program's dependencies neither is chosen, and making a client
/// would panic. Whoever chose one before this keeps it.
pub fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Fails only when another thread was quicker, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
    });
}
