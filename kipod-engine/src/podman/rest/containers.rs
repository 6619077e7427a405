//! Containers.

use std::time::Duration;

use podman_api::models::{InspectContainerState, InspectMount, ListContainer};
use podman_api::opts::{
    ContainerDeleteOpts, ContainerListFilter, ContainerListOpts, ContainerStopOpts,
};
use serde_json::Value;

use super::client::Client;
use super::failure::Failure;
use super::specification::{can_limit_pids, specification};
use crate::podman::api::{
    ContainerDetails, ContainerInfo, ContainerMount, ContainerOptions, PodmanError,
};
use crate::podman::cli::parse;
use crate::util::retry::retry;

/// The maximum number of attempts to remove a container that ends and restarts continuously, and the
/// interval between them.
const REMOVE_ATTEMPTS: u32 = 10;
const REMOVE_INTERVAL: Duration = Duration::from_millis(100);

/// Creates a container without starting it, and returns its id.
pub(super) async fn create(
    client: &Client,
    options: &ContainerOptions,
) -> Result<String, PodmanError> {
    let wanted = specification(options, can_limit_pids(options.cgroup_parent.as_deref()));
    let name = &options.name;
    let action = || format!("create container `{name}`");
    match client.post("/containers/create", &wanted).await {
        Ok(created) => match created["Id"].as_str() {
            Some(id) => Ok(id.to_owned()),
            None => Err(client.error(Failure::Broken("response without an id".into()), action())),
        },
        Err(failure) if failure.contains("name is already in use") => {
            Err(PodmanError::NameInUse { kind: "container", name: name.clone() })
        }
        Err(failure) => Err(client.error(failure, action())),
    }
}

/// Stops a container and waits for its end.
pub(super) async fn stop(client: &Client, container: &str) -> Result<(), PodmanError> {
    let stop = |podman: podman_api::Podman| async move {
        podman.containers().get(container).stop(&ContainerStopOpts::default()).await
    };
    match client.call(stop).await {
        Ok(()) => Ok(()),
        Err(failure) if failure.is_not_modified() => Ok(()),
        Err(failure) => Err(client.error(failure, format!("stop container `{container}`"))),
    }
}

/// Pauses a running container.
pub(super) async fn pause(client: &Client, container: &str) -> Result<(), PodmanError> {
    let pause = |podman: podman_api::Podman| async move {
        podman.containers().get(container).pause().await
    };
    let paused = client.call(pause).await;
    paused.map_err(|failure| client.error(failure, format!("pause container `{container}`")))
}

/// Unpauses a paused container.
pub(super) async fn unpause(client: &Client, container: &str) -> Result<(), PodmanError> {
    let unpause = |podman: podman_api::Podman| async move {
        podman.containers().get(container).unpause().await
    };
    let unpaused = client.call(unpause).await;
    unpaused.map_err(|failure| client.error(failure, format!("unpause container `{container}`")))
}

/// Lists the containers with a label, running or not.
pub(super) async fn list(client: &Client, label: &str) -> Result<Vec<ContainerInfo>, PodmanError> {
    let filter = match label.split_once('=') {
        _ if label.is_empty() => None,
        Some((key, value)) => Some(ContainerListFilter::LabelKeyVal(key.into(), value.into())),
        None => Some(ContainerListFilter::LabelKey(label.into())),
    };
    let wanted = ContainerListOpts::builder().all(true).filter(filter).build();
    let wanted = &wanted;
    let found = client
        .query(|podman| async move { podman.containers().list(wanted).await })
        .await
        .map_err(|failure| client.error(failure, "list containers"))?;
    Ok(found.into_iter().map(info).collect())
}

fn info(container: ListContainer) -> ContainerInfo {
    ContainerInfo {
        id: container.id.unwrap_or_default(),
        name: container.names.unwrap_or_default().into_iter().next().unwrap_or_default(),
        state: container.state.unwrap_or_default().as_str().into(),
        image: container.image.or(container.image_id).unwrap_or_default(),
        labels: container.labels.unwrap_or_default().into_iter().collect(),
    }
}

/// Kills and removes a container with its anonymous volumes.
pub(super) async fn remove(client: &Client, container: &str) -> Result<bool, PodmanError> {
    let wanted = ContainerDeleteOpts::builder().force(true).timeout(0).volumes(true).build();
    let wanted = &wanted;
    let remove = |podman: podman_api::Podman| async move {
        podman.containers().get(container).delete(wanted).await
    };
    // It has just ended, and Podman is about to restart it.
    let is_restarting = |failure: &Failure| failure.contains("container state improper");
    let removed = retry(REMOVE_ATTEMPTS, REMOVE_INTERVAL, is_restarting, || client.call(remove));
    let failure = match removed.await {
        Ok(()) => return Ok(true),
        Err(failure) if failure.is_missing() => return Ok(false),
        Err(failure) => failure,
    };
    // Another process may have removed it meanwhile.
    let exists = |podman: podman_api::Podman| async move {
        podman.containers().get(container).exists().await
    };
    match client.query(exists).await {
        Ok(false) => Ok(true),
        _ => Err(client.error(failure, format!("remove container `{container}`"))),
    }
}

/// Returns the details of a container.
pub(super) async fn inspect(
    client: &Client,
    container: &str,
) -> Result<ContainerDetails, PodmanError> {
    let found = client
        .query(|podman| async move { podman.containers().get(container).inspect().await })
        .await
        .map_err(|failure| client.error(failure, inspect_action(container)))?;
    let (state, pid) = found.state.map(state_and_pid).unwrap_or_default();
    Ok(ContainerDetails {
        state: state.as_str().into(),
        pid,
        restart_count: found.restart_count.and_then(|count| count.try_into().ok()).unwrap_or(0),
        image: found.image.unwrap_or_default(),
        mounts: found.mounts.unwrap_or_default().into_iter().map(mount).collect(),
    })
}

fn state_and_pid(state: InspectContainerState) -> (String, Option<u32>) {
    let pid = state.pid.and_then(|pid| pid.try_into().ok()).filter(|pid| *pid != 0);
    (state.status.unwrap_or_default(), pid)
}

fn mount(mount: InspectMount) -> ContainerMount {
    ContainerMount {
        source: mount.source.unwrap_or_default().into(),
        destination: mount.destination.unwrap_or_default().into(),
    }
}

/// Returns Podman's complete description of a container, as JSON text. Uses the `podman` program, because
/// the API crate drops the fields that it does not know.
pub(super) async fn describe(client: &Client, container: &str) -> Result<String, PodmanError> {
    let output = client.command().args(["container", "inspect", container]).output().await?;
    let found: Value = parse(&output, &inspect_action(container))?;
    Ok(format!("{:#}", found[0]))
}

fn inspect_action(container: &str) -> String {
    format!("inspect container `{container}`")
}
