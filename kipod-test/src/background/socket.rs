//! Listening sockets in the network of a node.
//!
//! A socket stays in the network namespace in which it was created, whichever process uses it. A
//! process with threads cannot enter the user namespace of a rootless container, so another process
//! creates the socket and passes it over a Unix socket: `nsenter`, which executes the test binary,
//! whose test finds the request in the environment. It runs for a few milliseconds.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::site::TestSite;

/// Environment variable of the process that creates the socket. Internal to this module.
const VARIABLE: &str = "KIPOD_LISTEN_JOB";
/// Timeout for the other process, which takes about 10 ms.
const TIMEOUT: Duration = Duration::from_secs(20);
/// An unused address behind the default route: TEST-NET-1 of RFC 5737.
const REMOTE_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A socket that could not be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("`nsenter` not found: install the package `util-linux`")]
    NoNsenter,
    #[error("failed to start `nsenter`")]
    Start(#[source] io::Error),
    #[error("timed out after {}s waiting for `nsenter`", TIMEOUT.as_secs())]
    Timeout,
    #[error("`nsenter` failed ({status}): {stderr}")]
    Failed { status: ExitStatus, stderr: String },
    #[error("failed to receive the socket from `nsenter` ({status})")]
    Receive { status: ExitStatus, source: io::Error },
}

/// Binds a listener in the network of a process of this user, on its own address and a free port.
pub(crate) fn bind(pid: u32, site: &TestSite) -> Result<TcpListener, SocketError> {
    let (ours, theirs) = UnixStream::pair().map_err(SocketError::Start)?;
    ours.set_read_timeout(Some(TIMEOUT)).map_err(SocketError::Start)?;
    let mut child = Command::new("nsenter")
        .args(["--user", "--net", "--preserve-credentials", "--target", &pid.to_string(), "--"])
        // This binary, even if it has been rebuilt since: its standard input is what
        // `/proc/self/exe` is to this process.
        .arg("/proc/self/fd/0")
        .args(site.libtest_args())
        .env(VARIABLE, "1")
        .env("LLVM_PROFILE_FILE", "/dev/null")
        .stdin(File::open("/proc/self/exe").map_err(SocketError::Start)?)
        .stdout(OwnedFd::from(theirs))
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SocketError::NoNsenter,
            _ => SocketError::Start(error),
        })?;
    let received = receive(&ours);
    if received.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(SocketError::Start)?;
    let source = match received {
        Ok(socket) => return Ok(TcpListener::from(socket)),
        Err(error) => error,
    };
    let mut stderr = String::new();
    if let Some(mut pipe) = child.stderr {
        let _ = pipe.read_to_string(&mut stderr);
    }
    Err(match (stderr.trim(), source.kind()) {
        ("", io::ErrorKind::WouldBlock) => SocketError::Timeout,
        ("", _) => SocketError::Receive { status, source },
        (stderr, _) => SocketError::Failed { status, stderr: stderr.to_owned() },
    })
}

/// Receives a file descriptor, and skips the output of libtest.
fn receive(socket: &UnixStream) -> io::Result<OwnedFd> {
    let mut bytes = [0; 1024];
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut buffers = [IoSliceMut::new(&mut bytes)];
        // With a timeout set, the kernel does not restart the call after a signal.
        let message = match recvmsg(socket, &mut buffers, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => continue,
            received => received?,
        };
        for part in control.drain() {
            if let RecvAncillaryMessage::ScmRights(mut files) = part
                && let Some(file) = files.next()
            {
                return Ok(file);
            }
        }
        if message.bytes == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
    }
}

/// Creates the socket and sends it, if this process was started for that.
pub(crate) fn bind_if_requested() -> Option<ExitCode> {
    std::env::var_os(VARIABLE)?;
    Some(match bind_own_address().and_then(|listener| send(&io::stdout(), &listener)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

/// Binds a listener on the source address of the default route: other nodes and pods reach it there.
/// A node has further addresses, for its pods and for itself.
fn bind_own_address() -> io::Result<TcpListener> {
    let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // Sends nothing, but selects a route.
    probe.connect((IpAddr::from(REMOTE_ADDRESS), 9))?;
    TcpListener::bind((probe.local_addr()?.ip(), 0))
}

fn send(socket: &impl AsFd, listener: &TcpListener) -> io::Result<()> {
    let files = [listener.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(socket, &[IoSlice::new(b"\n")], &mut control, SendFlags::empty())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receive_skips_other_output() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        io::Write::write_all(&mut theirs, b"\nrunning 1 test\n").unwrap();
        send(&theirs, &listener).unwrap();
        drop(listener);
        let received = TcpListener::from(receive(&ours).unwrap());
        assert_eq!(received.local_addr().unwrap(), address);
        let client = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(received.accept().unwrap().1, client.local_addr().unwrap());
    }

    #[test]
    fn receive_fails_when_the_peer_has_closed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(receive(&ours).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
