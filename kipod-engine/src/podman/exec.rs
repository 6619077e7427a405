//! What happens inside a container: commands, files, logs.

use futures_util::TryStreamExt;
use podman_api::opts::ContainerLogsOpts;

use super::service::Service;
use super::{Command, ExecOutput, PodmanError, start};

/// Runs a command inside a running container and waits for its end.
///
/// With the program, not the API: of every command that was run through the API a `conmon` stays
/// behind for five minutes, whether its container is still there or not (containers.conf(5),
/// `exit_command_delay`).
pub(super) async fn run(
    service: &Service,
    container: &str,
    command: &[&str],
) -> Result<ExecOutput, PodmanError> {
    let output = program(service).args(["exec", container]).args(command).run().await?;
    // Statuses that Podman gives to failures of its own, which a command may have too: podman-exec(1),
    // "EXIT STATUS"; 255 is for a container that does not run.
    match own_words(&output.stderr).filter(|_| matches!(output.status, 125..=127 | 255)) {
        None => Ok(output),
        Some(message) => {
            let line: Vec<String> =
                command.iter().map(|word| crate::util::text::quote(word)).collect();
            let action = format!("run `{}` in container `{container}`", line.join(" "));
            Err(PodmanError::Refused { action, message })
        }
    }
}

/// Podman's own description of itself and of the host.
pub(super) async fn info(service: &Service) -> Result<String, PodmanError> {
    let output = program(service).arg("info").output().await?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// The program, for the service in use.
fn program(service: &Service) -> Command {
    match service.named_url() {
        Some(url) => Command::new("podman").args(["--url", &url]),
        None => Command::new("podman"),
    }
}

/// What Podman says of a failure of its own.
fn own_words(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    text.trim().lines().last()?.strip_prefix("Error: ").map(str::to_owned)
}

/// Unpacks a tar archive below `folder` of a container.
pub(super) async fn upload(
    service: &Service,
    container: &str,
    folder: &str,
    archive: Vec<u8>,
) -> Result<(), PodmanError> {
    let action = || format!("put files below `{folder}` in container `{container}`");
    // Files in a volume that is empty otherwise would keep Podman from filling it with what the
    // image has at that place, so that has to come first.
    start::prepare(service, container, action).await?;
    let archive = &archive;
    let copy = |podman: podman_api::Podman| async move {
        podman.containers().get(container).copy_to(folder, archive.clone().into()).await
    };
    service.call(copy).await.map_err(|failure| service.error(failure, action()))
}

/// What the container's first process printed, the last `lines` lines of it.
pub(super) async fn logs(
    service: &Service,
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
    let bytes = service
        .call(read)
        .await
        .map_err(|failure| service.error(failure, format!("read logs of `{container}`")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
