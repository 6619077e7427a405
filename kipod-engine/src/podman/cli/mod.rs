//! The `podman` command: operations that the REST API does not offer, such as other image stores,
//! builds, files that belong to subordinate users, and terminals.

mod images;
mod info;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::podman::api::{ImageStore, PodmanError};
use crate::podman::command::Command;

pub use images::BuildOptions;
pub(super) use info::ListedContainer;
pub use info::SystemInfo;

/// The `podman` command of this user, with the user's image store or another one.
///
/// ```no_run
/// # async fn example() -> Result<(), kipod_engine::podman::PodmanError> {
/// use kipod_engine::podman::{ImageStore, PodmanCli};
///
/// assert!(PodmanCli::new().version().await?.major >= 4);
/// let store = PodmanCli::new().in_store(ImageStore::new("/home/ada/stores/v1.36.2"));
/// store.load("/tmp/pause.tar".as_ref()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PodmanCli {
    program: PathBuf,
    store: Option<ImageStore>,
    tmp: Option<PathBuf>,
}

impl Default for PodmanCli {
    fn default() -> Self {
        Self::new()
    }
}

impl PodmanCli {
    /// Creates the command for the `podman` on the `PATH` and the user's own store.
    pub fn new() -> Self {
        Self { program: "podman".into(), store: None, tmp: None }
    }

    /// Selects another image store.
    #[must_use]
    pub fn in_store(self, store: ImageStore) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Selects another directory for temporary files.
    #[must_use]
    pub(super) fn with_tmp(self, directory: PathBuf) -> Self {
        Self { tmp: Some(directory), ..self }
    }

    /// Returns `podman` with the options that select the store.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(tmp) = &self.tmp {
            command = command.env("TMPDIR", tmp);
        }
        match &self.store {
            None => command,
            // With these variables Podman would use a remote service, which has its own stores.
            Some(store) => command
                .without_env("CONTAINER_HOST")
                .without_env("CONTAINER_CONNECTION")
                .arg("--root")
                .arg(&store.root)
                .arg("--runroot")
                .arg(&store.runroot)
                .args(["--storage-driver", store.driver]),
        }
    }

    /// Removes a container, or its remaining files, by id.
    pub(super) async fn remove_container(&self, id: &str) -> Result<(), PodmanError> {
        self.output(self.command().args(["rm", "--force", id])).await.map(drop)
    }

    /// Removes a file or directory that belongs to subordinate users of this user. A path that does
    /// not exist is not an error.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub async fn unshare_remove(&self, path: &Path) -> Result<(), PodmanError> {
        self.output(self.unshare_remove_command(path)).await.map(drop)
    }

    fn unshare_remove_command(&self, path: &Path) -> Command {
        // A podman that was killed leaves its store's `overlay` directory mounted on itself in the
        // user's namespace. /proc/mounts has a space in a mount point as `\040`.
        let script = r#"while read -r _ at _; do
            at=$(printf %b "$at")
            case $at in "$1"/*) umount -l "$at" ;; esac
        done </proc/mounts
        rm -rf -- "$1""#;
        // Podman refuses to enter the user namespace of this host while a remote service is configured.
        Command::new(&self.program)
            .without_env("CONTAINER_HOST")
            .without_env("CONTAINER_CONNECTION")
            .args(["unshare", "sh", "-c", script, "sh"])
            .arg(path)
    }

    /// Returns the command that runs `command` in a container with the standard input of its caller;
    /// `terminal` allocates a terminal.
    ///
    /// ```
    /// use kipod_engine::podman::PodmanCli;
    ///
    /// let command = PodmanCli::new().exec_interactive("kipod-control-plane-0", &["bash"], true);
    /// assert_eq!(
    ///     command.to_string(),
    ///     "podman exec --interactive --tty kipod-control-plane-0 bash"
    /// );
    /// ```
    pub fn exec_interactive(&self, container: &str, command: &[&str], terminal: bool) -> Command {
        self.command()
            .args(["exec", "--interactive"])
            .args(terminal.then_some("--tty"))
            .arg(container)
            .args(command)
    }

    pub(super) async fn text(&self, command: Command) -> Result<String, PodmanError> {
        let printed = self.output(command).await?;
        Ok(String::from_utf8_lossy(&printed).trim().to_owned())
    }

    pub(super) async fn output(&self, command: Command) -> Result<Vec<u8>, PodmanError> {
        Ok(command.output().await?)
    }
}

/// Parses JSON that Podman printed.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8], action: &str) -> Result<T, PodmanError> {
    serde_json::from_slice(json).map_err(|error| PodmanError::Operation {
        action: action.to_owned(),
        message: error.to_string(),
    })
}

/// Parses any output, for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(super) fn parse_any(bytes: &[u8]) {
    let _ = info::system_info(bytes);
    let _ = parse::<Vec<ListedContainer>>(bytes, "parse");
    let text = String::from_utf8_lossy(bytes);
    let _ = images::loaded(&text);
    let _ = info::version(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_is_selected_by_options() {
        let store = PodmanCli::new().in_store(ImageStore::new("/s"));
        assert_eq!(
            store.command().arg("images").to_string(),
            "podman --root /s --runroot /s.run --storage-driver overlay images"
        );
    }

    #[test]
    fn local_commands_ignore_a_remote_service() {
        let store = PodmanCli::new().in_store(ImageStore::new("/s"));
        for command in [store.command(), PodmanCli::new().unshare_remove_command("/s".as_ref())] {
            for name in ["CONTAINER_HOST", "CONTAINER_CONNECTION"] {
                assert!(command.removes_env(name), "{name} of `{command}`");
            }
        }
    }

    #[tokio::test]
    async fn missing_podman_is_reported() {
        let cli = PodmanCli { program: "kipod-no-such-program".into(), ..PodmanCli::new() };
        let error = cli.version().await.unwrap_err();
        assert!(matches!(error, PodmanError::NotInstalled), "{error}");
    }
}
