//! Relays held connections to the API server.

use std::io::copy;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Stack size of a thread, which copies through a buffer of 8 KiB on its stack.
const STACK: usize = 64 * 1024;
/// Timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects each client to the server, and returns when all connections have ended. A client is
/// disconnected if the server cannot be reached.
pub(super) fn all(clients: Vec<TcpStream>, server: SocketAddr) {
    let threads: Vec<_> =
        clients.into_iter().filter_map(|client| spawn(move || relay(&client, server))).collect();
    for thread in threads {
        let _ = thread.join();
    }
}

fn relay(client: &TcpStream, server: SocketAddr) {
    let Ok(server) = TcpStream::connect_timeout(&server, CONNECT_TIMEOUT) else { return };
    // Messages are small, and clients wait for them.
    let _ = client.set_nonblocking(false);
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    std::thread::scope(|scope| {
        let requests = Builder::new().stack_size(STACK);
        if requests.spawn_scoped(scope, || forward(client, &server)).is_ok() {
            forward(&server, client);
        }
    });
}

/// Copies until `from` is closed. An error ends both directions.
fn forward(mut from: &TcpStream, mut to: &TcpStream) {
    let ended = copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Write));
    if ended.is_err() {
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    Builder::new().stack_size(STACK).spawn(work).ok()
}
