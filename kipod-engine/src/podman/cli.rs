//! The `podman` command, for what its REST API does not offer: other image stores, builds with
//! podman's own rules, files that belong to subordinate users, a terminal.

use std::path::{Path, PathBuf};

use super::{Command, Labels, PodmanError};

/// How often a list of all containers is asked for. Podman 4.3's fails if one that is not its own goes
/// while it is made.
const LISTINGS: usize = 3;

/// An image store apart from the user's own. It has the layout of `containers/storage`, so that
/// it can be mounted read-only into a node as an additional image store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageStore {
    /// The folder of the store.
    pub root: PathBuf,
    /// What podman keeps for the store while it runs: never needed by who reads the store.
    pub runroot: PathBuf,
    /// How layers are stacked in it: `overlay` or `vfs`.
    pub driver: &'static str,
}

impl ImageStore {
    /// The overlay store in `root`, with the running state beside it in `ROOT.run`.
    ///
    /// ```
    /// use kipod_engine::podman::ImageStore;
    ///
    /// let store = ImageStore::new("/home/ada/stores/v1.36.2");
    /// assert_eq!(store.runroot.to_str(), Some("/home/ada/stores/v1.36.2.run"));
    /// ```
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let mut runroot = root.clone().into_os_string();
        runroot.push(".run");
        Self { root, runroot: runroot.into(), driver: "overlay" }
    }
}

/// An image to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOptions {
    /// The folder that holds the `Containerfile` and what it copies.
    pub context: PathBuf,
    /// The image's reference.
    pub tag: String,
    /// Build arguments by name.
    pub args: std::collections::BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: Labels,
}

/// The `podman` command of this user, on the user's image store or another one.
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
    /// The `podman` on the `PATH`, with the user's own store.
    pub fn new() -> Self {
        Self { program: "podman".into(), store: None, tmp: None }
    }

    /// The same command on another store.
    #[must_use]
    pub fn in_store(self, store: ImageStore) -> Self {
        Self { store: Some(store), ..self }
    }

    /// The same command, with another folder for files that it needs in between.
    #[must_use]
    pub(super) fn with_tmp(self, folder: PathBuf) -> Self {
        Self { tmp: Some(folder), ..self }
    }

    /// `podman` with the options that choose the store.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(tmp) = &self.tmp {
            command = command.env("TMPDIR", tmp);
        }
        match &self.store {
            None => command,
            // Podman reaches a service that it is pointed to, and that has stores of its own.
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

    /// The version of the program.
    ///
    /// # Errors
    ///
    /// When there is no `podman`, or what it prints is no version.
    pub async fn version(&self) -> Result<semver::Version, PodmanError> {
        let printed = self.text(self.command().args(["--version"])).await?;
        // `podman version 4.3.1`
        let word = printed.split_whitespace().last().unwrap_or_default();
        semver::Version::parse(word).map_err(|error| PodmanError::Refused {
            action: "ask podman for its version".to_owned(),
            message: format!("`{word}` is no version: {error}"),
        })
    }

    /// What `podman info` says, as JSON.
    ///
    /// # Errors
    ///
    /// When podman cannot work for this user; its own words say why.
    pub async fn info(&self) -> Result<serde_json::Value, PodmanError> {
        let printed = self.output(self.command().args(["info", "--format", "json"])).await?;
        serde_json::from_slice(&printed).map_err(|error| PodmanError::Refused {
            action: "ask podman for its facts".to_owned(),
            message: error.to_string(),
        })
    }

    /// Every container, also those of others than Podman's that are in the same store, as `podman ps` has
    /// them.
    pub(super) async fn all_containers(&self) -> Result<Vec<serde_json::Value>, PodmanError> {
        let words = ["ps", "--all", "--external", "--format", "json"];
        let mut listings = 1;
        let printed = loop {
            match self.output(self.command().args(words)).await {
                Err(PodmanError::Command(_)) if listings < LISTINGS => listings += 1,
                printed => break printed?,
            }
        };
        serde_json::from_slice(&printed).map_err(|error| PodmanError::Refused {
            action: "ask podman for its containers".to_owned(),
            message: error.to_string(),
        })
    }

    /// Removes a container by its id, or what there is of it.
    pub(super) async fn remove_container(&self, id: &str) -> Result<(), PodmanError> {
        self.output(self.command().args(["rm", "--force", id])).await.map(drop)
    }

    /// Builds an image from a folder and answers its id. The base image is pulled only if the
    /// store does not have it. In a store other than the user's no intermediate images are left.
    ///
    /// # Errors
    ///
    /// When a step of the build fails; the error holds the end of its output.
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

    /// Makes an image of one layer from a tar archive of a root filesystem, with `changes` such as
    /// `CMD ["/sbin/init"]` applied to its configuration, and answers its id.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read, or a change is not understood.
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

    /// Loads the images of an archive that `podman save` or `docker save` made, and answers the
    /// references they have.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read.
    pub async fn load(&self, archive: &Path) -> Result<Vec<String>, PodmanError> {
        let printed =
            self.text(self.command().args(["load", "--quiet", "--input"]).arg(archive)).await?;
        // `Loaded image: a` a line; podman 4 writes `Loaded image(s): a,b`.
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
    /// When there is no such image, or no way to the registry.
    pub async fn pull(&self, reference: &str) -> Result<(), PodmanError> {
        self.output(self.command().args(["pull", "--quiet", reference])).await.map(drop)
    }

    /// Gives an image of the store one more reference.
    ///
    /// # Errors
    ///
    /// When the store has no such image.
    pub async fn tag(&self, image: &str, reference: &str) -> Result<(), PodmanError> {
        self.output(self.command().args(["tag", image, reference])).await.map(drop)
    }

    /// The references of all images of the store that have one.
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

    /// Removes an image with all its references, and answers whether the store had it.
    ///
    /// # Errors
    ///
    /// When a container uses it.
    pub async fn remove_image(&self, reference: &str) -> Result<bool, PodmanError> {
        match self.output(self.command().args(["rmi", reference])).await {
            Ok(_) => Ok(true),
            Err(PodmanError::Command(failure)) if failure.tail.contains("image not known") => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes a file or folder that belongs to users whom this user's containers run as; one
    /// that does not exist is fine.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub async fn unshare_remove(&self, path: &Path) -> Result<(), PodmanError> {
        self.output(self.removal(path)).await.map(drop)
    }

    fn removal(&self, path: &Path) -> Command {
        // A podman that ended early leaves its store's `overlay` folder mounted on itself in the
        // user's namespace. The kernel writes a space in a mount point as `\040`.
        let script = r#"while read -r _ at _; do
            at=$(printf %b "$at")
            case $at in "$1"/*) umount -l "$at" ;; esac
        done </proc/mounts
        rm -rf -- "$1""#;
        // The namespace is this machine's: Podman refuses to enter it while it is pointed to a service.
        Command::new(&self.program)
            .without_env("CONTAINER_HOST")
            .without_env("CONTAINER_CONNECTION")
            .args(["unshare", "sh", "-c", script, "sh"])
            .arg(path)
    }

    /// The command that runs `command` inside a container with this process's standard input;
    /// `terminal` gives it a terminal of its own.
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
        command.output().await.map_err(|failure| match failure.not_found {
            true => PodmanError::NotInstalled,
            false => failure.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_store_is_chosen_by_options() {
        let store = PodmanCli::new().in_store(ImageStore::new("/s"));
        assert_eq!(
            store.command().arg("images").to_string(),
            "podman --root /s --runroot /s.run --storage-driver overlay images"
        );
    }

    #[test]
    fn what_works_on_files_is_not_pointed_to_a_service() {
        let store = PodmanCli::new().in_store(ImageStore::new("/s"));
        for command in [store.command(), PodmanCli::new().removal("/s".as_ref())] {
            for name in ["CONTAINER_HOST", "CONTAINER_CONNECTION"] {
                assert!(command.keeps_out(name), "{name} of `{command}`");
            }
        }
    }

    #[tokio::test]
    async fn no_podman_is_said_plainly() {
        let cli = PodmanCli { program: "kipod-no-such-program".into(), ..PodmanCli::new() };
        let error = cli.version().await.unwrap_err();
        assert!(matches!(error, PodmanError::NotInstalled), "{error}");
    }
}
