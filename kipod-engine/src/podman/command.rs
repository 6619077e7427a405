//! Running a program of the host to its end.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use tokio::io::AsyncWriteExt;

use crate::util::text::{indent_lines, quote};

/// The maximum number of lines of a command's output that an error shows.
const TAIL_LINES: usize = 20;

/// Variables that Podman rejects with an empty value, which counts as unset.
const PODMAN_VARIABLES: [&str; 3] =
    ["CONTAINER_CONNECTION", "CONTAINER_HOST", "CONTAINERS_STORAGE_CONF"];

/// Returns the variables of Podman that are set to an empty value.
fn empty_variables(
    lookup: impl Fn(&str) -> Option<OsString>,
) -> impl Iterator<Item = &'static str> {
    PODMAN_VARIABLES
        .into_iter()
        .filter(move |name| lookup(name).is_some_and(|text| text.is_empty()))
}

/// A command: a value that can be printed, compared and run.
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

/// A command that did not start, or did not end with status 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The program could not be started.
    #[error("failed to start `{line}`")]
    Start {
        /// The command as a line that can be pasted into a shell.
        line: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The command failed.
    #[error("`{line}` {}{}", outcome(*.status), output_text(.output))]
    Failed {
        /// The command as a line that can be pasted into a shell.
        line: String,
        /// The exit status.
        status: ExitStatus,
        /// The last lines of its output.
        output: String,
    },
}

impl CommandError {
    /// Returns whether the program does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }

    /// Returns whether the command failed and its output contains `words`.
    pub(super) fn output_contains(&self, words: &str) -> bool {
        matches!(self, Self::Failed { output, .. } if output.contains(words))
    }
}

fn output_text(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(":{}", indent_lines(output)) }
}

impl Command {
    /// Creates a command that runs `program`, looked up on the `PATH`.
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

    /// Sets the command's standard input, which is empty by default.
    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = Some(bytes);
        self
    }

    /// Sets an environment variable of the command.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name, Some(value.as_ref().to_owned())));
        self
    }

    /// Removes an environment variable that the command would inherit.
    #[must_use]
    pub fn without_env(mut self, name: &'static str) -> Self {
        self.env.push((name, None));
        self
    }

    /// Returns whether the command does not inherit an environment variable.
    #[cfg(test)]
    pub(super) fn removes_env(&self, name: &str) -> bool {
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

    /// Returns the same command of the standard library, without the standard input.
    pub fn to_std(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        // conmon, which runs each container, needs a UTF-8 locale if Podman's paths are not ASCII. Every
        // distribution with systemd has this one, and Podman has no translations.
        command.args(&self.args).env("LC_ALL", "C.UTF-8");
        for name in empty_variables(|name| std::env::var_os(name)) {
            command.env_remove(name);
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Runs the command to its end and returns its standard output. The process is killed when the
    /// future is dropped.
    ///
    /// # Errors
    ///
    /// When the program cannot be started, or does not end with status 0.
    pub async fn output(&self) -> Result<Vec<u8>, CommandError> {
        let output = self.run().await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let text = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
        Err(CommandError::Failed {
            line: self.to_string(),
            status: output.status,
            output: tail(&String::from_utf8_lossy(text)),
        })
    }

    /// Runs the command to its end, whatever its exit status.
    pub(super) async fn run(&self) -> Result<Output, CommandError> {
        let failed = |source| CommandError::Start { line: self.to_string(), source };
        let mut child = tokio::process::Command::from(self.to_std())
            .stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let input = child.stdin.take().zip(self.stdin.clone());
        let feed = async {
            if let Some((mut pipe, bytes)) = input {
                // A program that does not read all its input reports why by its exit status.
                let _ = pipe.write_all(&bytes).await;
            }
        };
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        output.map_err(failed)
    }
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&quote(&self.program.to_string_lossy()))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quote(&arg.to_string_lossy())))
    }
}

fn outcome(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

/// Returns the last lines of `text`, without blank ones.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_prints_as_a_shell_line() {
        let command = Command::new("podman").args(["run", "", "a b", "it's", "K=v"]);
        assert_eq!(command.to_string(), r"podman run '' 'a b' 'it'\''s' K=v");
    }

    #[test]
    fn empty_variables_of_podman_are_not_inherited() {
        let lookup = |name: &str| match name {
            "CONTAINER_HOST" => Some(OsString::new()),
            "CONTAINER_CONNECTION" => Some("work".into()),
            _ => None,
        };
        assert_eq!(empty_variables(lookup).collect::<Vec<_>>(), ["CONTAINER_HOST"]);
    }

    #[tokio::test]
    async fn command_reads_stdin_and_returns_stdout() {
        let output = Command::new("cat").stdin(b"hello".to_vec()).output().await.unwrap();
        assert_eq!(output, b"hello");
    }

    #[tokio::test]
    async fn error_shows_line_status_and_output() {
        let failure =
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).output().await;
        assert_eq!(
            failure.unwrap_err().to_string(),
            "`sh -c 'echo out; echo err >&2; exit 3'` failed with exit status 3:\n  err"
        );
    }

    #[tokio::test]
    async fn error_reports_a_missing_program() {
        let failure = Command::new("kipod-no-such-program").output().await.unwrap_err();
        assert!(failure.is_not_found(), "{failure}");
    }
}
