//! Commands, uploads and logs of a container.

use futures_util::TryStreamExt;
use podman_api::opts::ContainerLogsOpts;

use super::client::Client;
use super::start;
use crate::podman::api::{ExecOutput, PodmanError};

/// Runs a command in a running container and waits for its end.
///
/// Uses the `podman` program instead of the REST API: with the API, a `conmon` process of every command
/// stays for five minutes, even when its container is gone (containers.conf(5), `exit_command_delay`).
pub(super) async fn run(
    client: &Client,
    container: &str,
    command: &[&str],
) -> Result<ExecOutput, PodmanError> {
    let output = client.command().args(["exec", container]).args(command).run().await?;
    // A command that was killed by a signal has no exit status.
    let status = output.status.code().map_or(-1, i64::from);
    // Podman uses these statuses for its own failures, but commands can return them, too: podman-exec(1),
    // "EXIT STATUS"; 255 means that the container is not running.
    match podman_error(&output.stderr).filter(|_| matches!(status, 125..=127 | 255)) {
        None => Ok(ExecOutput { status, stdout: output.stdout, stderr: output.stderr }),
        Some(message) => {
            let line: Vec<String> =
                command.iter().map(|word| crate::util::text::quote(word)).collect();
            let action = format!("run `{}` in container `{container}`", line.join(" "));
            Err(PodmanError::Operation { action, message })
        }
    }
}

/// Returns the output of `podman info`.
pub(super) async fn info(client: &Client) -> Result<String, PodmanError> {
    let output = client.command().arg("info").output().await?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// Returns the message of an error of Podman itself.
fn podman_error(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    text.trim().lines().last()?.strip_prefix("Error: ").map(str::to_owned)
}

/// Extracts a tar archive below `directory` of a container.
pub(super) async fn upload(
    client: &Client,
    container: &str,
    directory: &str,
    archive: Vec<u8>,
) -> Result<(), PodmanError> {
    let action = || format!("upload files to `{directory}` in container `{container}`");
    // Podman fills only an empty volume with the files of the image, so this comes first.
    start::initialize(client, container, || format!("initialize container `{container}`")).await?;
    let archive = &archive;
    let copy = |podman: podman_api::Podman| async move {
        podman.containers().get(container).copy_to(directory, archive.clone().into()).await
    };
    client.call(copy).await.map_err(|failure| client.error(failure, action()))
}

/// Returns the last `lines` lines of a container's log.
pub(super) async fn logs(
    client: &Client,
    container: &str,
    lines: usize,
) -> Result<String, PodmanError> {
    let wanted =
        ContainerLogsOpts::builder().stdout(true).stderr(true).tail(lines.to_string()).build();
    let wanted = &wanted;
    let read = |podman: podman_api::Podman| async move {
        let container = podman.containers().get(container);
        container
            .logs(wanted)
            .try_fold(Vec::new(), async |mut bytes, chunk| {
                bytes.extend_from_slice(&chunk);
                Ok(bytes)
            })
            .await
    };
    let bytes = client
        .call(read)
        .await
        .map_err(|failure| client.error(failure, format!("read logs of `{container}`")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
