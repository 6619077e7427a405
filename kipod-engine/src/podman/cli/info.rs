//! Facts about Podman, and the containers of all tools.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{PodmanCli, parse};
use crate::podman::api::{ContainerInfo, Labels, PodmanError};
use crate::util::retry::retry;

/// The maximum number of attempts to list all containers. The list of Podman 4.3 fails if a container
/// of another tool is removed meanwhile.
const LIST_ATTEMPTS: u32 = 3;

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

/// A container in `podman ps --format json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::podman) struct ListedContainer {
    /// Its id.
    pub(in crate::podman) id: String,
    /// Its names.
    #[serde(default)]
    pub(in crate::podman) names: Option<Vec<String>>,
    /// Its command.
    #[serde(default)]
    pub(in crate::podman) command: Option<Vec<String>>,
    /// Its state.
    #[serde(default)]
    state: String,
    /// Its image.
    #[serde(default)]
    image: String,
    /// Its labels.
    #[serde(default)]
    labels: Option<Labels>,
}

impl From<ListedContainer> for ContainerInfo {
    fn from(listed: ListedContainer) -> Self {
        Self {
            id: listed.id,
            name: listed.names.unwrap_or_default().into_iter().next().unwrap_or_default(),
            state: listed.state.as_str().into(),
            image: listed.image,
            labels: listed.labels.unwrap_or_default(),
        }
    }
}

impl PodmanCli {
    /// Returns the version of the program.
    ///
    /// # Errors
    ///
    /// When there is no `podman`, or its output is not a version.
    pub async fn version(&self) -> Result<semver::Version, PodmanError> {
        version(&self.text(self.command().args(["--version"])).await?)
    }

    /// Returns facts about Podman and its image store, from `podman info`.
    ///
    /// # Errors
    ///
    /// When Podman does not work for this user; the error contains its output.
    pub async fn info(&self) -> Result<SystemInfo, PodmanError> {
        let printed = self.output(self.command().args(["info", "--format", "json"])).await?;
        system_info(&printed)
    }

    /// Lists the containers with a label, running or not.
    ///
    /// # Errors
    ///
    /// When Podman does not work for this user.
    pub async fn containers(&self, label: &str) -> Result<Vec<ContainerInfo>, PodmanError> {
        let filter = format!("label={label}");
        let list = self.command().args(["ps", "--all", "--filter", &filter, "--format", "json"]);
        let listed: Vec<ListedContainer> = parse(&self.output(list).await?, "list containers")?;
        Ok(listed.into_iter().map(Into::into).collect())
    }

    /// Lists all containers, including those of other tools in the same store.
    pub(in crate::podman) async fn all_containers(
        &self,
    ) -> Result<Vec<ListedContainer>, PodmanError> {
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
}

/// Parses the output of `podman --version`: `podman version 4.3.1`.
pub(super) fn version(printed: &str) -> Result<semver::Version, PodmanError> {
    let word = printed.split_whitespace().last().unwrap_or_default();
    semver::Version::parse(word).map_err(|error| PodmanError::Operation {
        action: "read the version of podman".to_owned(),
        message: format!("`{word}` is not a version: {error}"),
    })
}

/// Parses the output of `podman info --format json`.
pub(super) fn system_info(printed: &[u8]) -> Result<SystemInfo, PodmanError> {
    let InfoJson { host, store, version } = parse(printed, "read `podman info`")?;
    Ok(SystemInfo {
        version: version.version,
        rootless: host.security.rootless,
        cgroup_manager: host.cgroup_manager,
        store_root: store.graph_root,
        store_runroot: store.run_root,
        store_driver: store.graph_driver_name,
    })
}
