//! Servers in a test that the cluster can reach, such as webhooks.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use tokio::net::TcpListener;

use crate::background::{socket, thread};
use crate::engine_api::{KeyPairPem, serving_certificate};
use crate::error::BoxError;
use crate::lease::ClusterLease;

/// A TCP listener of the test process in the network of the cluster. The API server, the nodes and
/// all pods reach it at [`address`](Self::address); it is not reachable from outside the user's
/// containers. It is closed when it is dropped, and when the process ends.
///
/// The socket belongs to the network namespace of a node, so it needs no tunnel, no port on the host
/// and no proxy. It comes with a certificate for its address, as webhooks require.
///
/// ```no_run
/// # mod tests {
/// # use kipod::k8s_openapi::api::admissionregistration::v1::ValidatingWebhook;
/// # async fn serve(_: tokio::net::TcpListener, _: String, _: String) {}
/// #[kipod::test]
/// async fn webhook_refuses_invalid_objects(cluster: kipod::Cluster) -> anyhow::Result<()> {
///     let listener = cluster.listen().await?;
///     let webhook = ValidatingWebhook {
///         client_config: listener.client_config("/validate"),
///         ..ValidatingWebhook::default()
///     };
///     let (certificate, key) = (listener.certificate().to_owned(), listener.key().to_owned());
///     tokio::spawn(serve(listener.into_inner(), certificate, key));
///     # drop(webhook);
///     Ok(())
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    address: SocketAddr,
    serving: KeyPairPem,
}

impl Listener {
    /// Binds a listener on the cluster's first node, on a free port.
    pub(crate) async fn bind(lease: &ClusterLease) -> Result<Self, BoxError> {
        let pid = lease.source.node_pid(&lease.name).await?;
        let site = lease.site;
        let socket = thread::unblock(move || socket::bind(pid, &site)).await?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let serving = serving_certificate(address.ip(), i64::try_from(now)?)?;
        Ok(Self { inner: TcpListener::from_std(socket)?, address, serving })
    }

    /// Returns the address in the cluster's network: that of a node, with a free port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the `https` URL of a path, which must begin with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Returns the `clientConfig` of a webhook: the [`url`](Self::url) and the CA bundle.
    pub fn client_config(&self, path: &str) -> WebhookClientConfig {
        WebhookClientConfig {
            ca_bundle: Some(ByteString(self.serving.certificate.clone().into_bytes())),
            url: Some(self.url(path)),
            ..WebhookClientConfig::default()
        }
    }

    /// Returns a self-signed certificate for the address, in PEM.
    pub fn certificate(&self) -> &str {
        &self.serving.certificate
    }

    /// Returns the private key of the certificate, in PEM (PKCS #8).
    pub fn key(&self) -> &str {
        &self.serving.key
    }

    /// Returns the tokio listener, for use by a server.
    pub fn into_inner(self) -> TcpListener {
        self.inner
    }
}
