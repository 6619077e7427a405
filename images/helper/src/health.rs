//! Health checks of the API server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::TlsConfig;

/// Timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(15);

/// State of an API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// The port is closed.
    Closed,
    /// The API server is not ready.
    NotReady,
    /// The API server is ready, or its readiness cannot be known.
    Ready,
}

/// Creates a client that accepts any certificate: it sends no secret, and reads only a status.
pub(crate) fn agent() -> Agent {
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .disable_verification(true)
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(TIMEOUT))
        .build()
        .new_agent()
}

/// Returns the HTTP status of a health check such as `/readyz`, `None` without a response.
pub(crate) fn status(agent: &Agent, address: SocketAddr, path: &str) -> Option<u16> {
    let mut response = agent.get(format!("https://{address}{path}")).call().ok()?;
    // The connection is used again only after the body was read.
    let _ = response.body_mut().read_to_vec();
    Some(response.status().as_u16())
}

/// Interprets the HTTP status of a health check. Anonymous requests are permitted as soon as the
/// API server has created its default roles. Where anonymous requests are disabled, the status is
/// always 401.
pub(crate) fn readiness(status: Option<u16>) -> Readiness {
    match status {
        Some(200 | 401) => Readiness::Ready,
        _ => Readiness::NotReady,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_needs_a_status_of_200_or_401() {
        for (status, expected) in [
            (Some(200), Readiness::Ready),
            // The roles that permit anonymous requests do not exist yet.
            (Some(403), Readiness::NotReady),
            (Some(500), Readiness::NotReady),
            (None, Readiness::NotReady),
            // Anonymous requests are disabled.
            (Some(401), Readiness::Ready),
        ] {
            assert_eq!(readiness(status), expected, "{status:?}");
        }
    }
}
