//! The HTTP client: proxies, certificates, retries.

use std::time::Duration;

use reqwest::{Client, Url};

use super::BundleError;
use crate::util::text::root_cause;

/// When a download is retried after a broken connection or a server error (5xx and 429).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The maximum number of consecutive attempts of one file that transfer nothing, at least 1.
    /// Default: 4.
    pub max_idle_attempts: u32,
    /// The maximum number of attempts of one file, for a connection that breaks after a small part
    /// each time. Default: 20.
    pub max_attempts: u32,
    /// The first backoff. It doubles after each attempt that transfers nothing. Default: 500 ms.
    pub initial_backoff: Duration,
    /// The maximum backoff. Default: 8 s.
    pub max_backoff: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_idle_attempts: 4,
            max_attempts: 20,
            initial_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(8),
        }
    }
}

/// Creates a client. `needs_tls` is `false` if all requests use plain HTTP.
pub(super) fn client(needs_tls: bool) -> Result<Client, BundleError> {
    // Keeps the provider that a program using this library may have installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        Client::builder()
            .user_agent(concat!("kipod/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(30))
    };
    let result = match builder().build() {
        // Plain HTTP also works on a host without root certificates.
        Err(_) if !needs_tls => builder().tls_certs_only([]).build(),
        result => result,
    };
    result.map_err(|error| BundleError::NoClient { message: root_cause(&error) })
}

/// Returns a URL for messages, without its password.
pub(super) fn redacted(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Fails only for URLs that cannot have a password.
        let _ = url.set_password(Some("***"));
    }
    url.to_string()
}
