//! The HTTPS server of the webhook, with one task for each connection.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Serves the webhook on `/validate`. The certificate and its key are in PEM.
///
/// # Errors
///
/// If the certificate is invalid, or the listener fails.
pub async fn serve(listener: TcpListener, certificate: &str, key: &str) -> anyhow::Result<()> {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = serve_connection(acceptor, stream).await {
                eprintln!("webhook: {error}");
            }
        });
    }
}

async fn serve_connection(acceptor: TlsAcceptor, stream: TcpStream) -> anyhow::Result<()> {
    let stream = acceptor.accept(stream).await?;
    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond)).await?;
    Ok(())
}

async fn respond(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = match request.uri().path() {
        "/validate" => review(request.into_body()).await,
        _ => Ok((StatusCode::NOT_FOUND, Bytes::new())),
    };
    let (status, body) =
        response.unwrap_or_else(|error| (StatusCode::BAD_REQUEST, error.to_string().into()));
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    Ok(response)
}

/// Validates the pod in an `AdmissionReview`.
async fn review(body: Incoming) -> anyhow::Result<(StatusCode, Bytes)> {
    let body = body.collect().await?.to_bytes();
    let review: AdmissionReview<Pod> = serde_json::from_slice(&body)?;
    let request: Result<AdmissionRequest<Pod>, _> = review.try_into();
    let response = match request {
        Ok(request) => crate::validate(&request),
        Err(error) => AdmissionResponse::invalid(error),
    };
    let review: AdmissionReview<DynamicObject> = response.into_review();
    Ok((StatusCode::OK, serde_json::to_vec(&review)?.into()))
}
