//! Kubernetes clients for a cluster's API server.

use std::sync::Once;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::util::timeouts::Timeouts;

/// An error while creating a client from a kubeconfig.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The text is not a complete kubeconfig.
    #[error("invalid kubeconfig")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The credentials are invalid.
    #[error("cannot create a client from the kubeconfig")]
    Client(#[from] kube::Error),
}

/// Creates a client for the current context of a kubeconfig. The client is bound to the current tokio
/// runtime; another runtime needs another client.
///
/// # Errors
///
/// If the text is not a kubeconfig, or its credentials are invalid.
pub async fn connect(kubeconfig: &str) -> Result<Client, ClientError> {
    connect_with_timeout(kubeconfig, Timeouts::default().connect()).await
}

/// Creates a client as [`connect`] does, with a timeout for each attempt to connect.
pub(crate) async fn connect_with_timeout(
    kubeconfig: &str,
    timeout: Duration,
) -> Result<Client, ClientError> {
    install_crypto_provider();
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // The server is on this host, so proxy variables of the environment do not apply.
    config.proxy_url = None;
    config.connect_timeout = Some(timeout);
    Ok(Client::try_from(config)?)
}

/// Installs rustls' default crypto provider, unless one is installed already.
///
/// If a program's dependencies enable two providers, rustls selects neither, and creating a client
/// panics.
pub fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Fails only if another thread has just installed a provider.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
    });
}
