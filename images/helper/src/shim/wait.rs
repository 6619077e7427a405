//! Holds a container back until the API server is ready.
//!
//! Some programs exit when the API server is not ready within a few seconds:
//! kube-controller-manager after ten. On a slow machine it takes minutes, and each restart takes
//! processor time from the API server. A container with [`VARIABLE`] in its environment is created
//! when the API server is ready.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::health::{Readiness, agent, readiness, status};

/// The environment variable with the API server's address, such as `127.0.0.1:6443`.
pub(crate) const VARIABLE: &str = "KIPOD_WAIT_FOR_API_SERVER";
/// CRI-O's timeout for the creation of a container is four minutes. After this time and one more
/// request the container starts anyway.
const TIMEOUT: Duration = Duration::from_secs(200);
/// Poll interval while the port is closed. Such a poll costs nothing.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Longest poll interval once the port is open.
const LONGEST_POLL_INTERVAL: Duration = Duration::from_secs(5);
/// A request is work for the API server. The poll interval is this many times the time that the last
/// request took.
const POLL_FACTOR: u32 = 10;

/// Returns the address to wait for, from the environment in a container's configuration. An invalid
/// address is ignored.
pub(crate) fn address(config: &Value) -> Option<SocketAddr> {
    let environment = config.pointer("/process/env")?.as_array()?;
    let value = |entry: &Value| {
        entry.as_str()?.strip_prefix(VARIABLE)?.strip_prefix('=').map(str::to_owned)
    };
    environment.iter().find_map(value)?.parse().ok()
}

/// Waits until the API server at `address` is ready, or the timeout is over.
pub(crate) fn until_ready(address: SocketAddr) {
    let mut open = false;
    let agent = agent();
    wait(TIMEOUT, || {
        open = open || TcpStream::connect_timeout(&address, POLL_INTERVAL).is_ok();
        if open { readiness(status(&agent, address, "/healthz")) } else { Readiness::Closed }
    });
}

/// Polls until the API server is ready, and returns the number of polls.
pub(crate) fn wait(timeout: Duration, mut poll: impl FnMut() -> Readiness) -> u32 {
    let start = Instant::now();
    let mut polls = 0;
    while start.elapsed() < timeout {
        let poll_start = Instant::now();
        polls += 1;
        let interval = match poll() {
            Readiness::Ready => break,
            Readiness::Closed => POLL_INTERVAL,
            Readiness::NotReady => {
                (poll_start.elapsed() * POLL_FACTOR).clamp(POLL_INTERVAL, LONGEST_POLL_INTERVAL)
            }
        };
        std::thread::sleep(interval);
    }
    polls
}
