//! The requests of the controller to the API server.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use ureq::http::Response;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::decision::Warning;
use super::kubeconfig::{Access, KubeconfigError};
use super::service::{Metadata, Service};
use super::watch::{ApiStatus, List, WatchEvent, events};

/// Timeout of a response, and of its body.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Size of a connection's buffers. Larger objects are read in parts.
const BUFFER: usize = 16 * 1024;
/// The list of Services that the controller is responsible for, without those that have a class.
const SERVICES: &str = "/api/v1/services?fieldSelector=spec.type%3DLoadBalancer";

const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("failed to read kubeconfig `{}`", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("invalid kubeconfig `{}`", .path.display())]
    Kubeconfig { path: PathBuf, source: KubeconfigError },
    #[error("invalid certificate or key")]
    Certificate(#[source] ureq::Error),
    #[error("request to the API server failed")]
    Request(#[source] ureq::Error),
    #[error("failed to read the API server's response")]
    Response(#[source] serde_json::Error),
    #[error("API server returned {code}: {message}")]
    Status { code: u16, message: String },
    #[error("API server closed the watch immediately")]
    ShortWatch,
}

impl ApiError {
    /// Returns the HTTP status, where the API server returned an error.
    pub(crate) fn code(&self) -> Option<u16> {
        if let Self::Status { code, .. } = self { Some(*code) } else { None }
    }
}

impl From<ApiStatus> for ApiError {
    fn from(ApiStatus { code, message }: ApiStatus) -> Self {
        Self::Status { code, message }
    }
}

/// Outcome of a change of a node port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PortChange {
    /// The Service has the port, or was deleted.
    Done,
    /// Another Service has the port.
    Allocated,
}

/// A client of the API server.
pub(crate) struct Api {
    agent: Agent,
    server: String,
}

impl Api {
    /// Creates a client with the server and credentials of a kubeconfig. Does not connect.
    pub(crate) fn from_kubeconfig(path: &Path) -> Result<Self, ApiError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ApiError::Read { path: path.to_owned(), source })?;
        let access = Access::parse(&text)
            .map_err(|source| ApiError::Kubeconfig { path: path.to_owned(), source })?;
        let roots = certificates(&access.certificate_authority)?;
        let key = PrivateKey::from_pem(&access.client_key).map_err(ApiError::Certificate)?;
        let client = ClientCert::new_with_certs(&certificates(&access.client_certificate)?, key);
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .client_cert(Some(client))
            .build();
        Ok(Self::new(access.server, tls))
    }

    pub(crate) fn new(server: String, tls: TlsConfig) -> Self {
        // No timeout covers the name lookup: ureq would start a thread for it.
        let agent = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .user_agent("kipod-node")
            .http_status_as_error(false)
            .timeout_recv_response(Some(TIMEOUT))
            .timeout_recv_body(Some(TIMEOUT))
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_connections(1)
            .build()
            .new_agent();
        Self { agent, server }
    }

    /// Lists the Services of type LoadBalancer.
    pub(crate) fn services(&self) -> Result<List<Service>, ApiError> {
        read(self.agent.get(self.url(SERVICES)).call())
    }

    /// Watches the Services of type LoadBalancer from a resource version on. The API server ends the
    /// watch after `duration`.
    pub(crate) fn watch(
        &self,
        resource_version: &str,
        duration: Duration,
    ) -> Result<impl Iterator<Item = Result<WatchEvent, ApiError>> + use<>, ApiError> {
        let seconds = duration.as_secs().max(1);
        let url = self.url(&format!(
            "{SERVICES}&watch=true&allowWatchBookmarks=true&resourceVersion={resource_version}&timeoutSeconds={seconds}"
        ));
        let request = self.agent.get(url).config();
        let response =
            request.timeout_recv_body(Some(Duration::from_secs(seconds) + TIMEOUT)).build().call();
        Ok(events(checked(response)?))
    }

    /// Returns whether the cluster has more than one node.
    pub(crate) fn has_several_nodes(&self) -> Result<bool, ApiError> {
        let nodes: List<IgnoredAny> =
            read(self.agent.get(self.url("/api/v1/nodes?limit=2")).call())?;
        Ok(nodes.items.len() > 1)
    }

    /// Writes the address of the load balancer into the status of a Service. A Service that was
    /// deleted is no error.
    pub(crate) fn assign(&self, service: &Metadata, address: &str) -> Result<(), ApiError> {
        let ingress = json!([{ "ip": address, "ipMode": "Proxy" }]);
        let patch = json!({ "status": { "loadBalancer": { "ingress": ingress } } });
        let url = format!("{}/status", service_url(service));
        match self.patch(&url, MERGE_PATCH, &patch) {
            Err(error) if error.code() == Some(404) => Ok(()),
            other => other,
        }
    }

    /// Changes the node port at `index` of a Service's list of ports, if it is still `from`.
    pub(crate) fn change_node_port(
        &self,
        service: &Metadata,
        index: usize,
        from: u16,
        to: u16,
    ) -> Result<PortChange, ApiError> {
        let path = format!("/spec/ports/{index}/nodePort");
        let patch = json!([
            { "op": "test", "path": path, "value": from },
            { "op": "replace", "path": path, "value": to },
        ]);
        match self.patch(&service_url(service), JSON_PATCH, &patch) {
            Ok(()) => Ok(PortChange::Done),
            Err(ApiError::Status { code: 404, .. }) => Ok(PortChange::Done),
            Err(ApiError::Status { message, .. }) if message.contains("already allocated") => {
                Ok(PortChange::Allocated)
            }
            Err(error) => Err(error),
        }
    }

    /// Creates an event about a Service. An event with the same message may exist already.
    pub(crate) fn create_event(
        &self,
        service: &Metadata,
        warning: &Warning,
    ) -> Result<(), ApiError> {
        let url = self.url(&format!("/api/v1/namespaces/{}/events", service.namespace));
        let event = event(service, warning, OffsetDateTime::now_utc());
        let request = self.agent.post(url).content_type("application/json");
        match checked(request.send(event.to_string())) {
            Err(error) if error.code() != Some(409) => Err(error),
            _ => Ok(()),
        }
    }

    fn patch(&self, path: &str, content_type: &str, patch: &Value) -> Result<(), ApiError> {
        let request = self.agent.patch(self.url(path)).content_type(content_type);
        read::<IgnoredAny>(request.send(patch.to_string())).map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.trim_end_matches('/'))
    }
}

fn service_url(service: &Metadata) -> String {
    format!("/api/v1/namespaces/{}/services/{}", service.namespace, service.name)
}

/// The event's name depends on the message, so that each message is shown once.
fn event(service: &Metadata, warning: &Warning, now: OffsetDateTime) -> Value {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    let Metadata { name, namespace, uid, .. } = service;
    let Warning { reason, message } = warning;
    let mut hasher = DefaultHasher::new();
    (reason, message).hash(&mut hasher);
    let now = now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).ok();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "type": "Warning",
        "reason": reason,
        "message": message,
        "metadata": { "name": format!("{name}.{uid}.{:x}", hasher.finish()), "namespace": namespace },
        "source": { "component": "kipod" },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Service",
            "name": name,
            "namespace": namespace,
            "uid": uid,
        },
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ApiError> {
    parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(ApiError::Certificate(error))),
        })
        .collect()
}

/// Reads the object in a response.
fn read<T: DeserializeOwned>(response: Result<Response<Body>, ureq::Error>) -> Result<T, ApiError> {
    serde_json::from_reader(checked(response)?).map_err(ApiError::Response)
}

/// Returns the body of a successful response, the API server's error otherwise.
fn checked(response: Result<Response<Body>, ureq::Error>) -> Result<impl Read + use<>, ApiError> {
    let response = response.map_err(ApiError::Request)?;
    let code = response.status();
    let body = std::io::BufReader::new(response.into_body().into_reader());
    if code.is_success() {
        return Ok(body);
    }
    let status = ApiStatus::deserialize(&mut serde_json::Deserializer::from_reader(body));
    let message = status.map(|status| status.message).unwrap_or_default();
    Err(ApiError::Status { code: code.as_u16(), message })
}
