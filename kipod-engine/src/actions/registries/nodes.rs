//! The registry configuration of nodes.

use super::config_map::publish;
use super::{UPDATE_TIMEOUT, no_response};
use crate::actions::context::Context;
use crate::actions::start_node::archive;
use crate::cluster::{self, NodeSummary, Record};
use crate::events::Event;
use crate::node::registries_file;
use crate::plan::LOAD_BALANCER;
use crate::podman::{ContainerState, PodmanError};
use crate::registry;
use crate::spec::{ClusterName, LocalRegistry};
use crate::util::text::error_chain;

/// Reloads CRI-O's registry configuration. A starting CRI-O does not handle the signal, and reads the
/// configuration anyway.
const RELOAD: &str = "if systemctl --quiet is-active crio; then systemctl kill --signal=HUP --kill-whom=main crio; fi";

/// Updates the registry configuration of all clusters.
pub(super) async fn update_all(context: Context<'_>) {
    let Context { podman, dirs, events } = context;
    let query = async {
        let local =
            registry::local_registries(podman).await.map_err(|error| error_chain(&error))?;
        let nodes = cluster::nodes(podman, dirs, None).await;
        let nodes = nodes.map_err(|error| error_chain(&error))?;
        let records = Record::all(&dirs.state).map_err(|error| error_chain(&error))?;
        Ok::<_, String>((local, nodes, records))
    };
    let (local, nodes, records) = match query.await {
        Ok(found) => found,
        Err(error) => {
            let warning =
                format!("failed to update the registry configuration of clusters: {error}");
            return events.send(Event::Warning(warning));
        }
    };
    let updates = records.into_iter().map(|(name, record)| {
        let nodes = nodes.iter().filter(|node| node.cluster == name.as_str()).collect();
        update_cluster(context, name, record, nodes, &local)
    });
    futures_util::future::join_all(updates).await;
}

fn update_failed(name: &ClusterName, error: &dyn std::error::Error) -> Event {
    let error = error_chain(error);
    Event::Warning(format!(
        "failed to update the registry configuration of cluster `{name}`: {error}"
    ))
}

async fn update_cluster(
    context: Context<'_>,
    name: ClusterName,
    record: Option<Record>,
    nodes: Vec<&NodeSummary>,
    local: &[LocalRegistry],
) {
    let Some(record) = record else {
        // A cluster without a record is being created or deleted.
        if let Err(error) = Record::read(&context.dirs.state, &name) {
            context.events.send(update_failed(&name, &error));
        }
        return;
    };
    update_nodes(context, &record, &nodes, local).await;
    let control_plane = record.control_plane();
    let is_running = nodes.iter().any(|node| node.name == control_plane && node.state.is_running());
    if record.complete && is_running {
        publish(context, &name, local).await;
    }
}

/// Updates the nodes of a cluster that was just created or grew, if the registries differ from the
/// `planned` ones. Repeats while they change, since [`update_all`] may have written a newer list first.
pub(in crate::actions) async fn update_nodes_if_changed(
    context: Context<'_>,
    record: &Record,
    planned: &[LocalRegistry],
) {
    let mut configured = planned.to_vec();
    loop {
        let query = async {
            let local = registry::local_registries(context.podman).await?;
            if local == configured {
                return Ok(None);
            }
            let nodes = cluster::nodes(context.podman, context.dirs, Some(&record.name)).await?;
            Ok::<_, PodmanError>(Some((local, nodes)))
        };
        let (local, nodes) = match query.await {
            Ok(Some(found)) => found,
            Ok(None) => return,
            // The cluster works without registries.
            Err(error) => return context.events.send(update_failed(&record.name, &error)),
        };
        update_nodes(context, record, &nodes.iter().collect::<Vec<_>>(), &local).await;
        configured = local;
    }
}

/// Writes the registry configuration of nodes. Stopped nodes read it at their start. Nodes that are being
/// created are skipped: their creation updates them.
async fn update_nodes(
    context: Context<'_>,
    record: &Record,
    nodes: &[&NodeSummary],
    local: &[LocalRegistry],
) {
    let Context { podman, events, .. } = context;
    let file = [registries_file(&record.spec.registries, local)];
    let existing = nodes.iter().filter(|node| {
        node.role != LOAD_BALANCER
            && !matches!(node.state, ContainerState::Created | ContainerState::Initialized)
    });
    let updates = existing.map(|node| async {
        let name = node.name.as_str();
        let done = async {
            podman.upload(name, "/var", archive(&file)).await?;
            match node.state.is_running() {
                true => podman.exec(name, &["sh", "-c", RELOAD]).await.map(Some),
                false => Ok(None),
            }
        };
        let error = match tokio::time::timeout(UPDATE_TIMEOUT, done).await {
            Ok(Ok(Some(output))) if output.status != 0 => {
                String::from_utf8_lossy(&output.stderr).trim().to_owned()
            }
            Ok(Ok(None)) if node.state == ContainerState::Paused => "it is paused".to_owned(),
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error_chain(&error),
            Err(_) => no_response(),
        };
        events.send(Event::Warning(format!(
            "node `{name}` uses the new registry configuration only after a restart: {error}"
        )));
    });
    futures_util::future::join_all(updates).await;
}
