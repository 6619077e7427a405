//! Running a program of the host to its end, and saying well what failed.

use crate::util::text::quote;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;

use super::{ExecOutput, PodmanError};

/// How many lines of a failed command's output an error shows.
const TAIL_LINES: usize = 20;

/// A command to be run: a value that can be printed, compared and run once.
///
/// ```
/// use kipod_engine::podman::Command;
///
/// let command = Command::new("podman").args(["rmi", "my image"]);
/// assert_eq!(command.to_string(), "podman rmi 'my image'");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    stdin: Option<Vec<u8>>,
    env: Vec<(&'static str, Option<OsString>)>,
}

/// A command that could not be run, or that ended with a status other than zero.
#[derive(Debug, thiserror::Error)]
#[error("`{line}` {outcome}{}", tail_text(.tail))]
pub struct CommandFailure {
    /// The command as a line that can be pasted into a shell.
    pub line: String,
    /// `failed with exit status 1`, `was killed by signal 9`, `could not be started: ...`.
    pub outcome: String,
    /// The last lines it printed.
    pub tail: String,
    /// Whether the program does not exist.
    pub not_found: bool,
}

fn tail_text(tail: &str) -> String {
    if tail.is_empty() { String::new() } else { format!(":\n  {}", tail.replace('\n', "\n  ")) }
}

impl Command {
    /// A command that runs `program`, looked up on the `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            stdin: None,
            env: Vec::new(),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// What the command reads from its standard input, which is empty otherwise.
    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = Some(bytes);
        self
    }

    /// Sets a variable of the command's environment.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name, Some(value.as_ref().to_owned())));
        self
    }

    /// Keeps a variable of this process's environment from the command.
    #[must_use]
    pub fn without_env(mut self, name: &'static str) -> Self {
        self.env.push((name, None));
        self
    }

    /// Whether the command does not get a variable of this process's environment.
    #[cfg(test)]
    pub(super) fn keeps_out(&self, name: &str) -> bool {
        self.env.iter().any(|(other, value)| *other == name && value.is_none())
    }

    /// The program's path or name.
    pub fn program(&self) -> &Path {
        Path::new(&self.program)
    }

    /// The arguments.
    pub fn arguments(&self) -> &[OsString] {
        &self.args
    }

    /// Runs it to its end and answers what it wrote to standard output. It is killed when the
    /// future is dropped.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or does not end with status 0.
    pub async fn output(&self) -> Result<Vec<u8>, CommandFailure> {
        let output = self.finish().await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let text = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
        Err(CommandFailure {
            line: self.to_string(),
            outcome: outcome(output.status),
            tail: tail(&String::from_utf8_lossy(text)),
            not_found: false,
        })
    }

    /// Runs it to its end, whatever its status; one that a signal ended has the status -1.
    pub(super) async fn run(&self) -> Result<ExecOutput, PodmanError> {
        let output = self.finish().await.map_err(|failure| match failure.not_found {
            true => PodmanError::NotInstalled,
            false => failure.into(),
        })?;
        let status = output.status.code().map_or(-1, i64::from);
        Ok(ExecOutput { status, stdout: output.stdout, stderr: output.stderr })
    }

    async fn finish(&self) -> Result<std::process::Output, CommandFailure> {
        let start_failure = |error: &std::io::Error| CommandFailure {
            line: self.to_string(),
            outcome: format!("could not be started: {error}"),
            tail: String::new(),
            not_found: error.kind() == std::io::ErrorKind::NotFound,
        };
        let mut command = tokio::process::Command::new(&self.program);
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child = command
            .args(&self.args)
            .stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| start_failure(&error))?;
        let input = child.stdin.take().zip(self.stdin.clone());
        let feed = async {
            if let Some((mut pipe, bytes)) = input {
                // A program that does not read all its input says why by its status.
                let _ = pipe.write_all(&bytes).await;
            }
        };
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        output.map_err(|error| start_failure(&error))
    }
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&quote(&self.program.to_string_lossy()))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quote(&arg.to_string_lossy())))
    }
}

fn outcome(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

/// The last lines of `text`, without blank ones.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_a_line_for_a_shell() {
        let command = Command::new("podman").args(["run", "", "a b", "it's", "K=v"]);
        assert_eq!(command.to_string(), r"podman run '' 'a b' 'it'\''s' K=v");
    }

    #[tokio::test]
    async fn feeds_and_reads() {
        let output = Command::new("cat").stdin(b"hello".to_vec()).output().await.unwrap();
        assert_eq!(output, b"hello");
    }

    #[tokio::test]
    async fn a_failure_shows_line_status_and_tail() {
        let failure =
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).output().await;
        assert_eq!(
            failure.unwrap_err().to_string(),
            "`sh -c 'echo out; echo err >&2; exit 3'` failed with exit status 3:\n  err"
        );
    }

    #[tokio::test]
    async fn a_missing_program_is_told_apart() {
        let failure = Command::new("kipod-no-such-program").output().await.unwrap_err();
        assert!(failure.not_found, "{failure}");
    }
}
