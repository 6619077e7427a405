//! Kubernetes clients for a cluster's API server.

use std::error::Error;
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

/// Returns whether an error of a client stays the same at every attempt: a certificate that cannot be
/// verified, or missing rights.
pub(crate) fn is_permanent(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        if let Some(kube::Error::Api(status)) = error.downcast_ref() {
            return matches!(status.code, 401 | 403);
        }
        next = error.source();
    }
    false
}

/// Returns the error of rustls that an error is or contains. The source of an I/O error is not the error that
/// it contains, but the source of that.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => tls_error(error.get_ref()?),
        None => error.downcast_ref(),
    }
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

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;
    use crate::kubeconfig::{ClusterAccess, Kubeconfig};
    use crate::pki::{Credentials, KeyPairPem, serving_certificate};
    use crate::util::text::error_chain;

    /// Serves TLS connections with this certificate, and closes each.
    fn serve(pair: &KeyPairPem) -> u16 {
        let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let tls = rustls::ServerConnection::new(config.clone()).unwrap();
                let _ = rustls::StreamOwned::new(tls, stream.unwrap()).read(&mut [0; 1]);
            }
        });
        port
    }

    fn now() -> i64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs().try_into().unwrap()
    }

    /// Returns the error of a request to a port.
    async fn request_error(port: u16) -> kube::Error {
        let credentials = Credentials::mint("demo", &[], now()).unwrap();
        let access = ClusterAccess {
            cluster_name: "demo".parse().unwrap(),
            server: format!("https://127.0.0.1:{port}"),
            ca_pem: credentials.authorities.ca.certificate.clone(),
            client_cert_pem: credentials.admin.certificate.clone(),
            client_key_pem: credentials.admin.key.clone(),
        };
        let client = connect(&Kubeconfig::new(access).to_yaml()).await.unwrap();
        client
            .request_text(http::Request::get("/readyz").body(Vec::new()).unwrap())
            .await
            .unwrap_err()
    }

    #[tokio::test]
    async fn is_permanent_is_true_for_an_unknown_certificate() {
        let pair = serving_certificate([127, 0, 0, 1].into(), now()).unwrap();
        let error = request_error(serve(&pair)).await;
        assert!(is_permanent(&error), "{}", error_chain(&error));
    }

    #[tokio::test]
    async fn is_permanent_is_false_for_a_closed_port() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = request_error(port).await;
        assert!(!is_permanent(&error), "{}", error_chain(&error));
    }

    #[test]
    fn is_permanent_is_true_for_missing_rights() {
        for (code, expected) in [(401, true), (403, true), (404, false), (500, false)] {
            let status = kube::core::Status { code, ..kube::core::Status::default() };
            assert_eq!(is_permanent(&kube::Error::Api(Box::new(status))), expected, "{code}");
        }
    }
}
