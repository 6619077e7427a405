//! Servers in a test that the cluster calls: webhooks, and whatever else a pod shall reach.

mod enter;

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use kipod_engine::pki::{KeyPairPem, serving_certificate};
use tokio::net::TcpListener;

use crate::error::BoxError;
use crate::harness::Held;

pub(crate) use enter::bind_if_asked;

/// A TCP listener of the test's process that is in the cluster's network: the API server, the nodes
/// and every pod reach it at [`address`](Self::address), and nobody does from outside this user's
/// containers. It is closed when it is dropped, or when its process ends in whatever way.
///
/// The socket itself belongs to the network of a node, so there is no tunnel, no port of this
/// machine, and no process in between. It comes with a certificate for its address, as webhooks need.
///
/// ```no_run
/// # mod tests {
/// # use kipod::k8s_openapi::api::admissionregistration::v1::ValidatingWebhook;
/// # async fn serve(_: tokio::net::TcpListener, _: String, _: String) {}
/// #[kipod::test]
/// async fn refuses_bad_objects(cluster: kipod::Cluster) -> Result<(), kipod::BoxError> {
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
    /// Binds one on the cluster's first node, on a port that is free.
    pub(crate) async fn bind(held: &Held) -> Result<Self, BoxError> {
        let pid = held.source.process(&held.name).await?;
        let site = held.site;
        let bound = tokio::task::spawn_blocking(move || enter::bind(pid, &site)).await?;
        let socket =
            bound.map_err(|error| format!("cannot listen in cluster `{}`: {error}", held.name))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let serving = serving_certificate(address.ip(), i64::try_from(now)?)?;
        Ok(Self { inner: TcpListener::from_std(socket)?, address, serving })
    }

    /// Its address, as the cluster reaches it: that of a node, with a free port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash, for a server that speaks TLS.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// What a webhook's configuration says of its server: the [`url`](Self::url), and the
    /// [`certificate`](Self::certificate) to trust.
    pub fn client_config(&self, path: &str) -> WebhookClientConfig {
        WebhookClientConfig {
            ca_bundle: Some(ByteString(self.serving.certificate.clone().into_bytes())),
            url: Some(self.url(path)),
            ..WebhookClientConfig::default()
        }
    }

    /// A certificate for the address, in PEM. It is signed by its own key, made for this listener.
    pub fn certificate(&self) -> &str {
        &self.serving.certificate
    }

    /// The private key of the certificate, in PEM (PKCS #8).
    pub fn key(&self) -> &str {
        &self.serving.key
    }

    /// The listener alone, as servers take it.
    pub fn into_inner(self) -> TcpListener {
        self.inner
    }
}
