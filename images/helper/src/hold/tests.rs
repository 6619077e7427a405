//! Held connections, with listeners of the test instead of nftables.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::redirect::{Redirect, RedirectError};
use super::{HoldError, hold, relay, wait};
use crate::health::Readiness;

/// A redirection that only records its calls.
#[derive(Default)]
struct Recorded {
    calls: RefCell<Vec<&'static str>>,
    fails: bool,
}

impl Redirect for Recorded {
    fn add(&self) -> Result<(), RedirectError> {
        self.calls.borrow_mut().push("add");
        match self.fails {
            true => Err(RedirectError::Run(ErrorKind::NotFound.into())),
            false => Ok(()),
        }
    }

    fn remove(&self) -> Result<(), RedirectError> {
        self.calls.borrow_mut().push("remove");
        Ok(())
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Starts a server that replies to its first message with the same bytes, once per connection.
fn echo() -> SocketAddr {
    let (server, address) = listener();
    std::thread::spawn(move || {
        for connection in server.incoming() {
            let mut connection = connection.unwrap();
            let mut buffer = [0; 4];
            connection.read_exact(&mut buffer).unwrap();
            connection.write_all(&buffer).unwrap();
        }
    });
    address
}

#[test]
fn clients_connect_before_the_server_and_get_its_response() {
    let (held, address) = listener();
    let redirect = Recorded::default();
    let mut clients = Vec::new();
    let held = hold(
        &held,
        &redirect,
        || redirect.calls.borrow_mut().push("notify"),
        || {
            for text in [b"one.", b"two."] {
                let mut client = TcpStream::connect(address).unwrap();
                client.write_all(text).unwrap();
                client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                // It waits: its connection is neither answered nor closed.
                let waits = client.read(&mut [0]).unwrap_err();
                assert!(matches!(waits.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
                client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                clients.push(client);
            }
        },
    );
    let relayed = std::thread::spawn(move || relay::all(held.unwrap(), echo()));
    for (client, expected) in clients.iter_mut().zip(["one.", "two."]) {
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
    }
    drop(clients);
    // It ends with the last connection.
    relayed.join().unwrap();
    assert_eq!(*redirect.calls.borrow(), ["add", "notify", "remove"]);
}

#[test]
fn unreachable_server_disconnects_clients() {
    let (held, address) = listener();
    let mut client = TcpStream::connect(address).unwrap();
    let held = hold(&held, &Recorded::default(), || {}, || {}).unwrap();
    assert_eq!(held.len(), 1);
    let (closed, server) = listener();
    drop(closed);
    relay::all(held, server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}

#[test]
fn failed_redirect_holds_nothing() {
    let redirect = Recorded { fails: true, ..Recorded::default() };
    let error = hold(
        &listener().0,
        &redirect,
        || panic!("connections are not redirected"),
        || panic!("it must not wait"),
    )
    .unwrap_err();
    assert!(matches!(error, HoldError::Redirect(RedirectError::Run(_))), "{error:?}");
    assert_eq!(
        crate::with_causes(&error),
        "failed to redirect connections to the API server: failed to run `nft`: entity not found"
    );
    assert_eq!(*redirect.calls.borrow(), ["add"]);
}

#[test]
fn wait_ends_when_the_api_server_is_ready() {
    let mut states =
        [Readiness::Closed, Readiness::NotReady, Readiness::Ready, Readiness::NotReady].into_iter();
    assert!(wait(Duration::from_secs(60), || states.next().unwrap()));
    assert_eq!(states.next(), Some(Readiness::NotReady));
}

#[test]
fn wait_ends_at_its_timeout() {
    let start = Instant::now();
    assert!(!wait(Duration::from_millis(60), || Readiness::Closed));
    assert!(start.elapsed() >= Duration::from_millis(60));
}
