//! A `podman system service` that kipod starts when the login session has none.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UnixStream;

use crate::podman::api::PodmanError;
use crate::podman::command::{Command, tail};
use crate::util::bounded;
use crate::util::retry::poll;

/// The seconds without a request after which the service ends by itself, if this process was killed.
const IDLE_SECONDS: u64 = 30;

/// The interval of requests that keep the service running. (A connection without a request does not
/// do that.)
const KEEP_ALIVE: Duration = Duration::from_secs(IDLE_SECONDS / 3);

/// The timeout of the service's start. It takes 50 ms on an idle machine; the first start after an
/// upgrade or a reboot refreshes the state of every container.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The timeout of the service's end, which usually takes 5 ms. Then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The poll interval for the service's start and end.
const POLL_INTERVAL: Duration = Duration::from_millis(3);

/// The number of bytes at the end of the service's standard error that the last lines are taken from.
const LAST_ERRORS: u64 = 64 << 10;

/// A running service. It ends when this value is dropped.
#[derive(Debug)]
pub(super) struct ServiceProcess {
    socket: PathBuf,
    child: Child,
    keep_alive: tokio::task::AbortHandle,
    /// Its standard error: a deleted file.
    stderr: File,
}

impl ServiceProcess {
    /// Starts a service with a socket in `runtime` and waits until it accepts connections.
    pub(super) async fn start(runtime: &Path) -> Result<Self, PodmanError> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let socket = runtime.join(format!("podman-{}-{count}.sock", std::process::id()));
        let prepare = || {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(runtime)?;
            tempfile::tempfile_in(runtime)
        };
        let stderr = prepare().map_err(|error| unavailable(&socket, error.to_string()))?;
        let child = spawn(&socket, &stderr)?;
        let client = podman_api::Podman::unix(&socket);
        let keep_alive = tokio::spawn(async move {
            loop {
                tokio::time::sleep(KEEP_ALIVE).await;
                // If the service has ended, the next request restarts it.
                let _ = client.ping().await;
            }
        });
        let mut process = Self { socket, child, keep_alive: keep_alive.abort_handle(), stderr };
        process.wait_until_listening().await?;
        Ok(process)
    }

    /// The service's socket.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Restarts the service on the same socket if it has ended.
    pub(super) async fn ensure_running(&mut self) -> Result<(), PodmanError> {
        if UnixStream::connect(&self.socket).await.is_ok() {
            return Ok(());
        }
        self.end();
        self.child = spawn(&self.socket, &self.stderr)?;
        self.wait_until_listening().await
    }

    async fn wait_until_listening(&mut self) -> Result<(), PodmanError> {
        let (socket, child) = (&self.socket, &mut self.child);
        let listening = poll(START_TIMEOUT, POLL_INTERVAL, || {
            let ended = child.try_wait().ok().flatten();
            async move {
                match UnixStream::connect(socket).await {
                    Ok(_) => Ok(Ok(())),
                    Err(_) => ended.map(Err).ok_or(()),
                }
            }
        });
        match listening.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(status)) => {
                let errors = self.last_errors();
                let message = if errors.is_empty() { status.to_string() } else { errors };
                Err(unavailable(&self.socket, message))
            }
            Err(()) => {
                let seconds = START_TIMEOUT.as_secs();
                let message = format!(
                    "timed out after {seconds}s waiting for its socket\n{}",
                    self.last_errors()
                );
                Err(unavailable(&self.socket, message.trim_end().to_owned()))
            }
        }
    }

    /// Returns the last lines of its standard error.
    fn last_errors(&mut self) -> String {
        let mut read = || {
            let end = self.stderr.seek(SeekFrom::End(0))?;
            self.stderr.seek(SeekFrom::Start(end.saturating_sub(LAST_ERRORS)))?;
            bounded::read_stream(&self.stderr, LAST_ERRORS)
        };
        // If it cannot be read, the error is reported without it.
        tail(&String::from_utf8_lossy(&read().unwrap_or_default()))
    }

    /// Terminates the process, by SIGTERM if possible: Podman's parent process can only forward signals
    /// that it can catch.
    fn end(&mut self) {
        let mut ended = matches!(self.child.try_wait(), Ok(Some(_)));
        if !ended {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let start = Instant::now();
            while !ended && start.elapsed() < STOP_TIMEOUT {
                std::thread::sleep(POLL_INTERVAL);
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

fn unavailable(socket: &Path, message: String) -> PodmanError {
    PodmanError::ServiceUnavailable { socket: socket.display().to_string(), message }
}

/// Starts the process in a process group of its own, so that Ctrl-C on the terminal does not stop it:
/// the cleanup needs it.
fn spawn(socket: &Path, stderr: &File) -> Result<Child, PodmanError> {
    let url = format!("unix://{}", socket.display());
    let command =
        Command::new("podman").args(["system", "service", &format!("--time={IDLE_SECONDS}"), &url]);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => PodmanError::NotInstalled,
        _ => unavailable(socket, format!("failed to start `{command}`: {error}")),
    };
    let stderr = stderr.try_clone().map_err(failed)?;
    command
        .to_std()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(failed)
}
