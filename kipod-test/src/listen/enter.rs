//! A socket that is made in the network of a node, and used here.
//!
//! A socket stays in the network it was made in, whoever holds it. A process that has threads cannot
//! enter a rootless container, though, so another one makes the socket and hands it over: `nsenter`,
//! which becomes the test binary, whose test finds the job in the environment. It lives for a few
//! milliseconds.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::site::TestSite;

/// Says that this process has to make a socket; nobody but this module sets or reads it.
const VARIABLE: &str = "KIPOD_LISTEN_JOB";
/// How long the other process may take. It takes a hundredth of a second.
const LIMIT: Duration = Duration::from_secs(20);
/// An address that is nobody's, behind the default route: TEST-NET-1 of RFC 5737.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A listener in the network of a process of this user, on its own address and a free port.
pub(super) fn bind(pid: u32, site: &TestSite) -> io::Result<TcpListener> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(LIMIT))?;
    let mut child = Command::new("nsenter")
        .args(["--user", "--net", "--preserve-credentials", "--target", &pid.to_string(), "--"])
        // This binary, even when it has been built anew since: what `/proc/self/exe` is to a child
        // of ours, its standard input is to a child's successor.
        .arg("/proc/self/fd/0")
        .args(site.alone())
        .env(VARIABLE, "1")
        .env("LLVM_PROFILE_FILE", "/dev/null")
        .stdin(File::open("/proc/self/exe")?)
        .stdout(OwnedFd::from(theirs))
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(
                error.kind(),
                "there is no program `nsenter`; it is in the package `util-linux`",
            ),
            _ => error,
        })?;
    let received = receive(&ours);
    if received.is_err() {
        let _ = child.kill();
    }
    let status = child.wait()?;
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr {
        let _ = stderr.read_to_string(&mut said);
    }
    let failed = |error: io::Error| {
        let why = match (said.trim(), error.kind()) {
            ("", io::ErrorKind::WouldBlock) => format!("nothing came in {} s", LIMIT.as_secs()),
            ("", _) => error.to_string(),
            (said, _) => said.to_owned(),
        };
        io::Error::other(format!("`nsenter` ended with {status}: {why}"))
    };
    received.map(TcpListener::from).map_err(failed)
}

/// The first file descriptor that comes over a socket, past what libtest writes.
fn receive(socket: &UnixStream) -> io::Result<OwnedFd> {
    let mut bytes = [0; 1024];
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(&mut bytes)];
        // A socket with a time limit is not asked again by the kernel after a signal.
        let message = match recvmsg(socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) {
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

/// Makes the socket and hands it over, if this process was started for that.
pub(crate) fn bind_if_asked() -> Option<ExitCode> {
    std::env::var_os(VARIABLE)?;
    Some(match own_listener().and_then(|listener| send(&io::stdout(), &listener)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

/// A listener on the address with which this process's network is left, which is the one that its
/// neighbours know: a node has others, for pods and for itself.
fn own_listener() -> io::Result<TcpListener> {
    let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // Sends nothing; it only chooses a route.
    probe.connect((IpAddr::from(ELSEWHERE), 9))?;
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
    fn a_listener_goes_from_hand_to_hand_past_other_output() {
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
    fn nobody_there_is_an_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(receive(&ours).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
