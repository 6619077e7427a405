//! A `podman system service` of our own, for where no login session runs one.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UnixStream;

use super::command::tail;
use super::{Command, PodmanError};

/// Seconds without a request after which the service ends by itself: when this process was killed.
const IDLE_SECONDS: u64 = 30;

/// How often the service is kept from ending by itself. (A connection without a request does not
/// do that.)
const KEEP_ALIVE: Duration = Duration::from_secs(IDLE_SECONDS / 3);

/// How long the service may take until it answers. It takes 50 ms on a machine at rest; the first
/// one after an upgrade or a reboot refreshes the state of every container before it listens.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long the service may take to end. It takes 5 ms; past the limit it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// How often an event that Podman does not announce is looked for.
const POLL: Duration = Duration::from_millis(3);

/// A running service; it ends with this value.
#[derive(Debug)]
pub(super) struct ServiceProcess {
    socket: PathBuf,
    child: Child,
    keep_alive: tokio::task::AbortHandle,
    /// What it writes to standard error: a file that has no name any more.
    complaints: File,
}

impl ServiceProcess {
    /// Starts a service with a socket in `runtime` and waits until it answers.
    pub(super) async fn start(runtime: &Path) -> Result<Self, PodmanError> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let socket = runtime.join(format!("podman-{}-{count}.sock", std::process::id()));
        let prepare = || {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(runtime)?;
            tempfile::tempfile_in(runtime)
        };
        let complaints = prepare().map_err(|error| no_service(&socket, error.to_string()))?;
        let child = spawn(&socket, &complaints)?;
        let client = podman_api::Podman::unix(&socket);
        let keep_alive = tokio::spawn(async move {
            loop {
                tokio::time::sleep(KEEP_ALIVE).await;
                // Where it has ended all the same, the next request starts it again.
                let _ = client.ping().await;
            }
        });
        let mut process = Self { socket, child, keep_alive: keep_alive.abort_handle(), complaints };
        process.answers().await?;
        Ok(process)
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Starts it again if it has ended, on the same socket.
    pub(super) async fn ensure_running(&mut self) -> Result<(), PodmanError> {
        if UnixStream::connect(&self.socket).await.is_ok() {
            return Ok(());
        }
        self.end();
        self.child = spawn(&self.socket, &self.complaints)?;
        self.answers().await
    }

    async fn answers(&mut self) -> Result<(), PodmanError> {
        let started = Instant::now();
        loop {
            if UnixStream::connect(&self.socket).await.is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let said = self.complaints();
                let said = if said.is_empty() { status.to_string() } else { said };
                return Err(no_service(&self.socket, said));
            }
            if started.elapsed() > START_LIMIT {
                let message = format!(
                    "nobody listens {} s after its start\n{}",
                    START_LIMIT.as_secs(),
                    self.complaints()
                );
                return Err(no_service(&self.socket, message.trim_end().to_owned()));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The last lines it wrote to standard error.
    fn complaints(&mut self) -> String {
        let mut bytes = Vec::new();
        // Where it cannot be read, the error goes without it.
        let _ = self.complaints.rewind().and_then(|()| self.complaints.read_to_end(&mut bytes));
        tail(&String::from_utf8_lossy(&bytes))
    }

    /// Ends the process, gently if that works: Podman's own parent process only passes on signals
    /// that can be caught.
    fn end(&mut self) {
        let mut ended = matches!(self.child.try_wait(), Ok(Some(_)));
        if !ended {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let asked = Instant::now();
            while !ended && asked.elapsed() < STOP_LIMIT {
                std::thread::sleep(POLL);
                ended = matches!(self.child.try_wait(), Ok(Some(_)));
            }
        }
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        self.keep_alive.abort();
        self.end();
    }
}

fn no_service(socket: &Path, message: String) -> PodmanError {
    PodmanError::NoService { socket: socket.display().to_string(), message }
}

/// The command that starts it. Its own process group keeps the terminal's Ctrl-C away from it:
/// clean-up needs it.
fn spawn(socket: &Path, complaints: &File) -> Result<Child, PodmanError> {
    let url = format!("unix://{}", socket.display());
    let command =
        Command::new("podman").args(["system", "service", &format!("--time={IDLE_SECONDS}"), &url]);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => PodmanError::NotInstalled,
        _ => no_service(socket, format!("`{command}` could not be started: {error}")),
    };
    let stderr = complaints.try_clone().map_err(failed)?;
    std::process::Command::new(command.program())
        .args(command.arguments())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(failed)
}
