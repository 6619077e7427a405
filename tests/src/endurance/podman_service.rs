//! A Podman service that serves all commands of a run.

use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::Usage;
use crate::wait_until;

/// A running `podman system service` without an idle timeout. It ends when this value is dropped.
#[derive(Debug)]
pub struct PodmanService {
    child: Child,
    dir: tempfile::TempDir,
}

impl PodmanService {
    /// Starts the service and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// If `podman` cannot be started.
    pub fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let socket = dir.path().join("podman.sock");
        let child = Command::new("podman")
            .args(["system", "service", "--time=0", &format!("unix://{}", socket.display())])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run podman")?;
        let service = Self { child, dir };
        wait_until("a socket of Podman's service", Duration::from_secs(30), || {
            UnixStream::connect(&socket).is_ok()
        });
        Ok(service)
    }

    /// Returns the value for `CONTAINER_HOST`.
    pub fn url(&self) -> String {
        format!("unix://{}", self.dir.path().join("podman.sock").display())
    }

    /// Measures the service. A rootless service is two processes.
    ///
    /// # Errors
    ///
    /// If the service has ended.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of_all(self.child.id(), |line| line.contains("system service"))
    }
}

impl Drop for PodmanService {
    fn drop(&mut self) {
        // SIGTERM, because Podman's parent process can only forward signals that it can catch.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}
