//! Readiness of a registry: polls its API until it responds.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{RegistryError, RegistryName};
use crate::podman::Podman;
use crate::util::retry::poll;

const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The timeout of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// The number of lines of the container's log in an error.
const LOG_LINES: usize = 10;

/// Waits until the registry responds as the distribution specification requires. `existed` is `true`
/// if this operation did not create it.
pub(crate) async fn wait_until_ready(
    podman: &dyn Podman,
    name: &RegistryName,
    port: u16,
    timeout: Duration,
    existed: bool,
) -> Result<(), RegistryError> {
    let ready = poll(timeout, POLL_INTERVAL, || async move {
        match tokio::time::timeout(REQUEST_TIMEOUT, request(port)).await {
            // 401: the registry requires credentials.
            Ok(Ok(StatusCode::OK | StatusCode::UNAUTHORIZED)) => Ok(()),
            Ok(Ok(status)) => Err(format!("HTTP status {status}")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no response within {}s", REQUEST_TIMEOUT.as_secs())),
        }
    });
    let Err(reason) = ready.await else { return Ok(()) };
    let log = podman.logs(name.as_str(), LOG_LINES).await.unwrap_or_default();
    let log = log.trim().to_owned();
    Err(RegistryError::NotReady { name: name.clone(), waited: timeout, reason, log, existed })
}

/// Sends `GET /v2/` and returns the status of the response.
async fn request(port: u16) -> io::Result<StatusCode> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Ends with `sender`.
    tokio::spawn(connection);
    let request = Request::get("/v2/")
        .header(HOST, format!("localhost:{port}"))
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    Ok(response.status())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves one connection, and returns its request and the result of the probe.
    async fn probe(response: &'static str) -> (String, io::Result<StatusCode>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(response.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).to_ascii_lowercase()
        };
        let (sent, status) = tokio::join!(serve, super::request(port));
        assert!(sent.contains(&format!("host: localhost:{port}\r\n")), "{sent}");
        (sent, status)
    }

    #[tokio::test]
    async fn request_returns_the_status_of_the_api() {
        let (sent, status) =
            probe("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}").await;
        assert!(sent.starts_with("get /v2/ http/1.1\r\n"), "{sent}");
        assert_eq!(status.unwrap(), StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn request_rejects_other_protocols() {
        let (_, status) = probe("SSH-2.0-OpenSSH_9.2\r\n").await;
        status.unwrap_err();
    }
}
