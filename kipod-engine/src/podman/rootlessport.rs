//! Port forwarders that outlive their container.
//!
//! Podman starts a process `rootlessport` for the published ports of a rootless container. It ends with the
//! container's `conmon`, by way of a pipe. If a container ends while it is started, another process may have
//! inherited that pipe; then the forwarder stays, holds the ports, and forwards to a namespace that is gone.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::util::bounded::{self, TEXT_LIMIT};

/// The name of the process. Its child, in the container's network namespace, has another name.
const NAME: &str = "rootlessport";
/// A part of the path of a container's network namespace, which the process keeps open. The path is not
/// resolved any more once Podman has removed the namespace.
const NAMESPACE: &str = "/netns/netns-";

/// Ends all forwarders of this user that listen on one of `addresses` and whose container is gone. Returns
/// their process ids.
pub(crate) fn end_orphans(addresses: &[SocketAddr]) -> Vec<i32> {
    let sockets = listening_sockets(addresses);
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| !sockets.is_empty() && end_orphan(*id, &sockets).is_some()).collect()
}

/// Ends a process if it is such a forwarder.
fn end_orphan(id: i32, sockets: &BTreeSet<String>) -> Option<()> {
    // First: the id cannot become that of another process afterwards.
    let process = pidfd_open(Pid::from_raw(id)?, PidfdFlags::empty()).ok()?;
    let directory = PathBuf::from(format!("/proc/{id}"));
    let owner = std::fs::metadata(&directory).ok()?.uid();
    let name = bounded::read_text(&directory.join("comm"), TEXT_LIMIT).ok()?;
    if owner != rustix::process::geteuid().as_raw() || name.trim_end() != NAME {
        return None;
    }
    let open = open_files(&directory)?;
    let is_alive = open.iter().any(|path| path.contains(NAMESPACE));
    let listens = open.iter().any(|path| sockets.contains(path));
    (listens && !is_alive).then_some(())?;
    pidfd_send_signal(&process, Signal::TERM).ok()
}

/// Returns the targets of a process's file descriptors.
fn open_files(process: &Path) -> Option<Vec<String>> {
    let descriptors = std::fs::read_dir(process.join("fd")).ok()?;
    let target =
        |path: PathBuf| Some(std::fs::read_link(path).ok()?.to_string_lossy().into_owned());
    Some(descriptors.flatten().filter_map(|entry| target(entry.path())).collect())
}

/// Returns the sockets that listen on one of the addresses, as `/proc/PID/fd` names them.
fn listening_sockets(addresses: &[SocketAddr]) -> BTreeSet<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let text: String = tables
        .iter()
        .filter_map(|table| bounded::read_text(Path::new(table), TEXT_LIMIT).ok())
        .collect();
    let sockets = text.lines().filter_map(listening_socket);
    sockets
        .filter(|(address, _)| addresses.contains(address))
        .map(|(_, inode)| format!("socket:[{inode}]"))
        .collect()
}

/// Parses a line of `/proc/net/tcp` or `tcp6`. Returns the local address and the inode of a socket that
/// listens. Source: proc_net_tcp(5) of the kernel's documentation.
fn listening_socket(line: &str) -> Option<(SocketAddr, u64)> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = fields.get(1)?.split_once(':')?;
    let inode = fields.get(9)?.parse().ok()?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (*fields.get(3)? == LISTEN).then_some((SocketAddr::new(ip_address(address)?, port), inode))
}

/// Parses words of eight hexadecimal digits in the byte order of the host.
fn ip_address(text: &str) -> Option<IpAddr> {
    let words = text.as_bytes().chunks(8).map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
    });
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.concat();
    match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => Some(Ipv4Addr::from(bytes).into()),
        Err(_) => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command};

    use super::*;

    #[test]
    fn tables_of_the_kernel_are_parsed() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1";
        assert_eq!(listening_socket(line), Some(("127.0.0.1:8080".parse().unwrap(), 4711)));
        let connected = line.replace(" 0A ", " 01 ");
        assert_eq!(listening_socket(&connected), None);
        let line6 = line.replace("0100007F", "00000000000000000000000001000000");
        assert_eq!(listening_socket(&line6).unwrap().0, "[::1]:8080".parse().unwrap());
    }

    /// Starts a process with this name that holds a listening socket, and a file.
    fn start(name: &str, directory: &Path, listener: &TcpListener, file: Option<File>) -> Child {
        let program = directory.join(name);
        if !program.exists() {
            // The name of the process is that of the link.
            std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
        }
        let mut command = Command::new(program);
        command.arg("60").stdin(OwnedFd::from(listener.try_clone().unwrap()));
        if let Some(file) = file {
            command.stdout(file);
        }
        command.spawn().unwrap()
    }

    #[test]
    fn only_forwarders_without_a_namespace_are_ended() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        std::fs::create_dir(directory.join("netns")).unwrap();
        let namespace = File::create(directory.join("netns/netns-1")).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut orphan = start(NAME, directory, &listener, None);
        let mut kept = [
            start("other", directory, &listener, None),
            start(NAME, &directory.join("netns"), &other, None),
            start(NAME, &directory.join("netns"), &listener, Some(namespace)),
        ];
        let ended = end_orphans(&[listener.local_addr().unwrap()]);
        assert_eq!(ended, [i32::try_from(orphan.id()).unwrap()]);
        assert_eq!(orphan.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
        for child in &mut kept {
            assert!(child.try_wait().unwrap().is_none(), "{child:?} was ended");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
