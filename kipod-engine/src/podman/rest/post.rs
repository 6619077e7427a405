//! Requests with a body that the API crate cannot express.

use std::path::Path;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::failure::Failure;

/// The version of Podman's API, as in the API crate.
const API_VERSION: &str = "v4.0.0";

/// Sends `body` to a path below `/libpod` of the service at `socket`.
pub(super) async fn post(socket: &Path, path: &str, body: &Value) -> Result<Value, Failure> {
    let stream = UnixStream::connect(socket).await;
    let stream = stream.map_err(|error| Failure::Unreachable(error.to_string()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends with `sender`.
    tokio::spawn(connection);
    let request = Request::post(format!("/{API_VERSION}/libpod{path}"))
        .header(HOST, "podman")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(broken)?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let bytes = response.into_body().collect().await.map_err(broken)?.to_bytes();
    if !status.is_success() {
        return Err(Failure::rejected(status.as_u16(), &bytes));
    }
    serde_json::from_slice(&bytes).map_err(broken)
}

fn broken(error: impl std::error::Error) -> Failure {
    Failure::Broken(crate::util::text::root_cause(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    /// Sends a request to a service with this response. Returns the request and the result.
    async fn exchange(response: &str) -> (String, Result<Value, Failure>) {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(response.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        let body = json!({ "name": "n" });
        tokio::join!(serve, post(&socket, "/containers/create", &body))
    }

    #[tokio::test]
    async fn post_sends_and_returns_json() {
        let response = "HTTP/1.1 201 Created\r\nContent-Length: 11\r\n\r\n{\"Id\":\"1f\"}";
        let (request, result) = exchange(response).await;
        assert!(request.starts_with("POST /v4.0.0/libpod/containers/create HTTP/1.1\r\n"));
        assert!(request.ends_with("\r\n\r\n{\"name\":\"n\"}"), "{request}");
        assert_eq!(result.unwrap(), json!({ "Id": "1f" }));
    }

    #[tokio::test]
    async fn post_returns_the_message_of_an_error() {
        let body = "{\"cause\":\"c\",\"message\":\"no space: c\",\"response\":500}";
        let length = body.len();
        let response = format!("HTTP/1.1 500 Error\r\nContent-Length: {length}\r\n\r\n{body}");
        let failure = exchange(&response).await.1.unwrap_err();
        assert!(matches!(failure, Failure::Rejected { status: 500, .. }), "{failure:?}");
        assert_eq!(failure.message(), "no space: c");
    }

    #[tokio::test]
    async fn post_reports_a_missing_service() {
        let failure = post(Path::new("/none"), "/containers/create", &json!({})).await.unwrap_err();
        assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
    }
}
