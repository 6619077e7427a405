//! What happens inside a container: commands, files, logs.

use std::time::Duration;

use futures_util::TryStreamExt;
use podman_api::conn::TtyChunk;
use podman_api::opts::{ContainerLogsOpts, ExecCreateOpts, ExecStartOpts};

use super::service::Service;
use super::{ExecOutput, PodmanError, start};

/// How often a command whose output has ended is asked for its exit status, which Podman records
/// a moment later.
const POLL: Duration = Duration::from_millis(5);

/// Runs a command inside a running container and waits for its end.
pub(super) async fn run(
    service: &Service,
    container: &str,
    command: &[&str],
) -> Result<ExecOutput, PodmanError> {
    let wanted = ExecCreateOpts::builder()
        .command(command.iter().copied())
        .attach_stdout(true)
        .attach_stderr(true)
        .build();
    let wanted = &wanted;
    let create = |podman: podman_api::Podman| async move {
        podman.containers().get(container).create_exec(wanted).await
    };
    let action = || {
        let line: Vec<String> = command.iter().map(|word| super::command::quote(word)).collect();
        format!("run `{}` in container `{container}`", line.join(" "))
    };
    let failed = |failure: super::failure::Failure| service.error(failure, action());
    let exec = service.call(create).await.map_err(failed)?;

    let mut output = ExecOutput { status: 0, stdout: Vec::new(), stderr: Vec::new() };
    let start = ExecStartOpts::builder().detach(false).tty(false).build();
    let stream = exec.start(&start).await.map_err(|error| failed(error.into()))?;
    if let Some(mut stream) = stream {
        while let Some(chunk) = stream
            .try_next()
            .await
            .map_err(|error| failed(podman_api::Error::Error(error).into()))?
        {
            output.append(chunk);
        }
    }
    loop {
        let state = exec.inspect().await.map_err(|error| failed(error.into()))?;
        if state["Running"] != true {
            output.status = state["ExitCode"].as_i64().unwrap_or(-1);
            return Ok(output);
        }
        tokio::time::sleep(POLL).await;
    }
}

impl ExecOutput {
    fn append(&mut self, chunk: TtyChunk) {
        match chunk {
            TtyChunk::StdErr(bytes) => self.stderr.extend(bytes),
            TtyChunk::StdOut(bytes) | TtyChunk::StdIn(bytes) => self.stdout.extend(bytes),
        }
    }
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
