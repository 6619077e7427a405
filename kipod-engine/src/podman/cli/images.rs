//! Images of a store.

use std::path::{Path, PathBuf};

use super::PodmanCli;
use crate::podman::api::{Labels, PodmanError};

/// Options of an image build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOptions {
    /// The build context: the directory with the `Containerfile` and the files it copies.
    pub context: PathBuf,
    /// The image's reference; `None` builds an image without a name.
    pub tag: Option<String>,
    /// Build arguments by name.
    pub args: std::collections::BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: Labels,
}

impl PodmanCli {
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
                    .args(options.tag.iter().flat_map(|tag| ["--tag", tag]))
                    .args(options.args.iter().flat_map(pair("--build-arg")))
                    .args(options.labels.iter().flat_map(pair("--label")))
                    .arg(&options.context),
            )
            .await?;
        Ok(printed.lines().last().unwrap_or_default().to_owned())
    }

    /// Runs a command in a new privileged container without a network, and returns its output. The
    /// container is removed.
    ///
    /// # Errors
    ///
    /// When the command fails; the error contains the end of its output.
    pub async fn run_privileged(
        &self,
        image: &str,
        command: &[&str],
    ) -> Result<String, PodmanError> {
        let run = ["run", "--rm", "--privileged", "--network=none", "--pull=never", image];
        self.text(self.command().args(run).args(command)).await
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
        Ok(loaded(&printed))
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
}

/// Parses the output of `podman load`: a line for each image, `Loaded image: a`; Podman 4 prints
/// `Loaded image(s): a,b`.
pub(super) fn loaded(printed: &str) -> Vec<String> {
    printed
        .lines()
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(_, references)| references.split(','))
        .map(|reference| reference.trim().to_owned())
        .collect()
}
