//! Free ports of the host.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// Returns the port of `address` if it is free. For port 0, returns a free port that `is_usable`
/// accepts.
pub(crate) fn free_port(address: SocketAddr, is_usable: impl Fn(u16) -> bool) -> io::Result<u16> {
    // Rejected listeners stay open, so that the kernel offers another port each time.
    let mut listeners = Vec::new();
    loop {
        let listener = TcpListener::bind(address)?;
        let port = listener.local_addr()?.port();
        if address.port() != 0 || is_usable(port) {
            return Ok(port);
        }
        listeners.push(listener);
    }
}

/// Returns the remedy for an error of listening at an address, if there is one: another port or address, or
/// the setting of the kernel that allows it.
pub(crate) fn bind_remedy(address: SocketAddr, error: &io::Error) -> Option<String> {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::PermissionDenied => Some(format!(
            "use another port, such as {}, or allow ports from {port} for all users with `sudo sysctl -w {UNPRIVILEGED}={port}`",
            port.saturating_add(8000)
        )),
        io::ErrorKind::AddrNotAvailable => Some(format!(
            "`{}` is not an address of this host: use one that `ip address` lists, or `0.0.0.0`",
            address.ip()
        )),
        _ => None,
    }
}

/// The sysctl with the first port that every user may listen on; 1024 by default. Source: Linux,
/// `Documentation/networking/ip-sysctl.rst`.
const UNPRIVILEGED: &str = "net.ipv4.ip_unprivileged_port_start";

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::net::Ipv4Addr;

    use super::*;

    fn local(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    #[test]
    fn free_port_offers_other_ports_after_rejected_ones() {
        let rejected = RefCell::new(Vec::new());
        let port = free_port(local(0), |port| {
            let mut rejected = rejected.borrow_mut();
            assert!(!rejected.contains(&port), "{port} was offered twice");
            rejected.push(port);
            rejected.len() == 5
        });
        assert_eq!(port.unwrap(), rejected.into_inner()[4]);
    }

    #[test]
    fn remedies_name_setting_and_alternative() {
        let remedy = |kind: io::ErrorKind| bind_remedy(local(80), &kind.into());
        let text = remedy(io::ErrorKind::PermissionDenied).unwrap();
        assert!(text.contains("such as 8080,"), "{text}");
        assert!(text.contains("sysctl -w net.ipv4.ip_unprivileged_port_start=80`"), "{text}");
        let text = remedy(io::ErrorKind::AddrNotAvailable).unwrap();
        assert!(text.starts_with("`127.0.0.1` is not an address of this host"), "{text}");
        assert_eq!(remedy(io::ErrorKind::AddrInUse), None);
    }

    #[test]
    fn free_port_returns_the_requested_port_only_if_it_is_free() {
        let listener = TcpListener::bind(local(0)).unwrap();
        let taken = listener.local_addr().unwrap();
        assert!(free_port(taken, |_| true).is_err());
        drop(listener);
        assert_eq!(free_port(taken, |_| false).unwrap(), taken.port());
    }
}
