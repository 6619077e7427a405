//! Holds connections to the API server until it is ready.
//!
//! kubelet, kube-controller-manager, kube-scheduler and kubeadm start before the API server is ready.
//! Each of their requests would fail, and be repeated after a backoff that ends long after the API
//! server is ready. So nftables redirects their connections to this program, which accepts none of
//! them until the API server is ready: the kernel completes the handshake, and the client waits for
//! a response. Then new connections go to the API server again, and the held ones are relayed.
//!
//! The redirect is only an optimization. If it fails, clients back off as they would without it.

mod redirect;
mod relay;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use redirect::{NftRedirect, Redirect, RedirectError};

use crate::health::{Readiness, agent, readiness, status};

/// The port that connections are redirected to. The rules are written by the engine: see
/// `kipod-engine/src/node/hold.rs`.
const PORT: u16 = 61_443;
/// The API server. Connections to this address are not redirected.
const API_SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 6443);
/// After this time, kubeadm's timeout for the control plane, connections are not held any longer.
const TIMEOUT: Duration = Duration::from_secs(240);
/// Timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Shortest and longest poll interval.
const POLL_INTERVAL: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));
/// A request is work for the API server. The poll interval is this many times the time that the last
/// request took.
const POLL_FACTOR: u32 = 10;

/// A reason why connections are not held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldError {
    #[error("failed to listen on port {PORT}")]
    Listen(#[source] io::Error),
    #[error("failed to redirect connections to the API server")]
    Redirect(#[source] RedirectError),
    #[error("failed to end the redirection of connections to the API server")]
    Release(#[source] RedirectError),
    #[error("failed to accept a held connection")]
    Accept(#[source] io::Error),
}

/// Holds connections until the API server is ready, and relays them until they end. Errors are only
/// logged: without this program a node works too.
pub(crate) fn run() {
    let until_ready = || {
        if !wait(TIMEOUT, poll_api_server()) {
            eprintln!("the API server is not ready after {} s", TIMEOUT.as_secs());
        }
    };
    let held = listen()
        .map_err(HoldError::Listen)
        .and_then(|listener| hold(&listener, &NftRedirect, notify_ready, until_ready));
    match held {
        Ok(held) => relay::all(held, API_SERVER),
        Err(error) => eprintln!("connections are not held: {}", crate::with_causes(&error)),
    }
    // Also after an error: units that are ordered after this one do not wait.
    notify_ready();
}

/// Waits until the API server is ready.
pub(crate) fn wait_for_api_server() {
    wait(Duration::MAX, poll_api_server());
}

/// Returns a function that queries the readiness of the API server.
fn poll_api_server() -> impl FnMut() -> Readiness {
    let agent = agent();
    let mut open = false;
    move || {
        open = open || TcpStream::connect_timeout(&API_SERVER, CONNECT_TIMEOUT).is_ok();
        match open {
            true => readiness(status(&agent, API_SERVER, "/readyz")),
            false => Readiness::Closed,
        }
    }
}

/// Listens on all addresses, of IPv4 only if the kernel has no IPv6.
fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT))
        .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)))
}

/// Redirects connections to `listener` until `wait` returns, and returns those that were held.
/// Calls `redirected` when connections are redirected.
fn hold(
    listener: &TcpListener,
    redirect: &impl Redirect,
    redirected: impl FnOnce(),
    wait: impl FnOnce(),
) -> Result<Vec<TcpStream>, HoldError> {
    redirect.add().map_err(HoldError::Redirect)?;
    redirected();
    wait();
    redirect.remove().map_err(HoldError::Release)?;
    // Nothing reaches the listener any more, so its queue has all connections.
    listener.set_nonblocking(true).map_err(HoldError::Accept)?;
    let mut held = Vec::new();
    loop {
        match listener.accept() {
            Ok((connection, _)) => held.push(connection),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(held),
            // A client that closed its connection is no error.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(HoldError::Accept(error)),
        }
    }
}

/// Polls until the API server is ready, or the timeout is over. Returns whether it is ready.
fn wait(timeout: Duration, mut poll: impl FnMut() -> Readiness) -> bool {
    let start = Instant::now();
    while start.elapsed() < timeout {
        let poll_start = Instant::now();
        let interval = match poll() {
            Readiness::Ready => return true,
            Readiness::Closed => POLL_INTERVAL.0,
            Readiness::NotReady => {
                (poll_start.elapsed() * POLL_FACTOR).clamp(POLL_INTERVAL.0, POLL_INTERVAL.1)
            }
        };
        std::thread::sleep(interval);
    }
    false
}

/// Notifies systemd, so that kubelet starts when its connections are held.
fn notify_ready() {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) =
            UnixDatagram::unbound().and_then(|sender| sender.send_to(b"READY=1", socket))
    {
        eprintln!("failed to notify systemd: {error}");
    }
}
