//! The `podman` command: operations that the REST API does not offer, such as other image stores,
//! builds, files that belong to subordinate users, and terminals.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::{ImageStore, Labels, PodmanError};
use super::command::Command;
use crate::util::retry::retry;

/// The maximum number of attempts to list all containers. The list of Podman 4.3 fails if a container
/// of another tool is removed meanwhile.
const LIST_ATTEMPTS: u32 = 3;

/// Options of an image build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOptions {
    /// The build context: the directory with the `Containerfile` and the files it copies.
    pub context: PathBuf,
    /// The image's reference.
    pub tag: String,
    /// Build arguments by name.
    pub args: std::collections::BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: Labels,
}

/// The parts of `podman info` that kipod uses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SystemInfo {
    /// Podman's version.
    pub version: String,
    /// `true` if Podman is rootless.
    pub rootless: bool,
    /// The cgroup manager: `systemd` or `cgroupfs`.
    pub cgroup_manager: String,
    /// The directory of the user's image store.
    pub store_root: PathBuf,
    /// The directory of the store's runtime state.
    pub store_runroot: PathBuf,
    /// The storage driver of the store.
    pub store_driver: String,
}

/// `podman info --format json`
#[derive(Deserialize)]
struct InfoJson {
    host: HostJson,
    store: StoreJson,
    version: VersionJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HostJson {
    #[serde(default)]
    cgroup_manager: String,
    security: SecurityJson,
}

#[derive(Deserialize)]
struct SecurityJson {
    rootless: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoreJson {
    graph_root: PathBuf,
    run_root: PathBuf,
    graph_driver_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionJson {
    version: String,
}

/// A container in `podman ps --external --format json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedContainer {
    /// Its id.
    pub(super) id: String,
    /// Its names.
    #[serde(default)]
    pub(super) names: Option<Vec<String>>,
    /// Its command.
    #[serde(default)]
    pub(super) command: Option<Vec<String>>,
}

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

    /// Returns the version of the program.
    ///
    /// # Errors
    ///
    /// When there is no `podman`, or its output is not a version.
    pub async fn version(&self) -> Result<semver::Version, PodmanError> {
        let printed = self.text(self.command().args(["--version"])).await?;
        // `podman version 4.3.1`
        let word = printed.split_whitespace().last().unwrap_or_default();
        semver::Version::parse(word).map_err(|error| PodmanError::Operation {
            action: "read the version of podman".to_owned(),
            message: format!("`{word}` is not a version: {error}"),
        })
    }

    /// Returns facts about Podman and its image store, from `podman info`.
    ///
    /// # Errors
    ///
    /// When Podman does not work for this user; the error contains its output.
    pub async fn info(&self) -> Result<SystemInfo, PodmanError> {
        let printed = self.output(self.command().args(["info", "--format", "json"])).await?;
        let InfoJson { host, store, version } = parse(&printed, "read `podman info`")?;
        Ok(SystemInfo {
            version: version.version,
            rootless: host.security.rootless,
            cgroup_manager: host.cgroup_manager,
            store_root: store.graph_root,
            store_runroot: store.run_root,
            store_driver: store.graph_driver_name,
        })
    }

    /// Lists all containers, including those of other tools in the same store.
    pub(super) async fn all_containers(&self) -> Result<Vec<ListedContainer>, PodmanError> {
        let list = self.command().args(["ps", "--all", "--external", "--format", "json"]);
        let printed = retry(
            LIST_ATTEMPTS,
            Duration::ZERO,
            |error| matches!(error, PodmanError::Command(_)),
            || self.output(list.clone()),
        )
        .await?;
        parse(&printed, "list all containers")
    }

    /// Removes a container, or its remaining files, by id.
    pub(super) async fn remove_container(&self, id: &str) -> Result<(), PodmanError> {
        self.output(self.command().args(["rm", "--force", id])).await.map(drop)
    }

    /// Builds an image and returns its id. The base image is pulled only if the store does not have
    /// it. Intermediate images are kept in the user's own store only.
    ///
    /// # Errors
    ///
    /// When a step of the build fails; the error contains the end of its output.
    pub async fn build(&self, options: &BuildOptions) -> Result<String, PodmanError> {
        let pair = |flag: &'static str| {
            move |(key, value): (&String, &String)| [flag.to_owned(), format!("{key}={value}")]
        };
        let printed = self
            .text(
                self.command()
                    .args(["build", "--quiet", "--pull=missing"])
                    .arg(format!("--layers={}", self.store.is_none()))
                    .args(["--tag", &options.tag])
                    .args(options.args.iter().flat_map(pair("--build-arg")))
                    .args(options.labels.iter().flat_map(pair("--label")))
                    .arg(&options.context),
            )
            .await?;
        Ok(printed.lines().last().unwrap_or_default().to_owned())
    }

    /// Imports a tar archive of a root filesystem as an image with one layer, and returns the image's
    /// id. `changes` such as `CMD ["/sbin/init"]` are applied to its configuration.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read, or a change is invalid.
    pub async fn import(
        &self,
        archive: &Path,
        reference: &str,
        changes: &[&str],
    ) -> Result<String, PodmanError> {
        let changes = changes.iter().flat_map(|&change| ["--change", change]);
        let printed = self
            .text(
                self.command()
                    .args(["import", "--quiet"])
                    .args(changes)
                    .arg(archive)
                    .arg(reference),
            )
            .await?;
        Ok(printed.trim_start_matches("sha256:").to_owned())
    }

    /// Loads the images of an archive written by `podman save` or `docker save`, and returns their
    /// references.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read.
    pub async fn load(&self, archive: &Path) -> Result<Vec<String>, PodmanError> {
        let printed =
            self.text(self.command().args(["load", "--quiet", "--input"]).arg(archive)).await?;
        // One line for each image: `Loaded image: a`; Podman 4 prints `Loaded image(s): a,b`.
        Ok(printed
            .lines()
            .filter_map(|line| line.split_once(": "))
            .flat_map(|(_, references)| references.split(','))
            .map(|reference| reference.trim().to_owned())
            .collect())
    }

    /// Pulls an image from its registry.
    ///
    /// # Errors
    ///
    /// When the image does not exist, or the registry is unreachable.
    pub async fn pull(&self, reference: &str) -> Result<(), PodmanError> {
        self.output(self.command().args(["pull", "--quiet", reference])).await.map(drop)
    }

    /// Adds a reference to an image of the store.
    ///
    /// # Errors
    ///
    /// When the store does not have the image.
    pub async fn tag(&self, image: &str, reference: &str) -> Result<(), PodmanError> {
        self.output(self.command().args(["tag", image, reference])).await.map(drop)
    }

    /// Returns the references of all images of the store.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn references(&self) -> Result<Vec<String>, PodmanError> {
        let format = "{{.Repository}}:{{.Tag}}";
        let printed =
            self.text(self.command().args(["images", "--noheading", "--format", format])).await?;
        let mut found: Vec<String> =
            printed.lines().filter(|line| !line.contains("<none>")).map(str::to_owned).collect();
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Removes an image with all its references, and returns whether the store had it.
    ///
    /// # Errors
    ///
    /// When a container uses it.
    pub async fn remove_image(&self, reference: &str) -> Result<bool, PodmanError> {
        match self.output(self.command().args(["rmi", reference])).await {
            Ok(_) => Ok(true),
            Err(PodmanError::Command(error)) if error.output_contains("image not known") => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
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
