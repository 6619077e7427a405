//! The ConfigMap `local-registry-hosting`, which tells tools the registry of a cluster.

use super::{UPDATE_TIMEOUT, no_response};
use crate::actions::apply::apply;
use crate::actions::context::Context;
use crate::cluster::ClusterEntry;
use crate::events::Event;
use crate::kubeconfig::client;
use crate::node::addons;
use crate::registry;
use crate::spec::{ClusterName, LocalRegistry};
use crate::util::text::error_chain;

/// Publishes the registries in the ConfigMap of an existing cluster.
pub(super) async fn publish(context: Context<'_>, name: &ClusterName, local: &[LocalRegistry]) {
    let publish = async {
        let cluster =
            ClusterEntry::open(context.dirs, name).map_err(|error| error_chain(&error))?;
        let kubeconfig = cluster.kubeconfig().map_err(|error| error_chain(&error))?;
        let client = client::connect(&kubeconfig).await.map_err(|error| error_chain(&error))?;
        write_config_map(&client, local).await.map_err(|error| error_chain(&error))
    };
    let published = tokio::time::timeout(UPDATE_TIMEOUT, publish).await;
    if let Err(error) = published.unwrap_or_else(|_| Err(no_response())) {
        context.events.send(publish_failed(name, &error));
    }
}

/// Publishes the registries in a new cluster, if they differ from the `published` ones. Repeats while they
/// change, and returns the published ones. Must be called again when the cluster is complete: from then on
/// the creation and deletion of registries publish them too.
pub(in crate::actions) async fn publish_new_registries(
    context: Context<'_>,
    client: &kube::Client,
    name: &ClusterName,
    mut published: Vec<LocalRegistry>,
) -> Vec<LocalRegistry> {
    loop {
        let error = match registry::local_registries(context.podman).await {
            Ok(local) if local == published => return published,
            Ok(local) => {
                let written = write_config_map(client, &local).await;
                published = local;
                written.err().map(|error| error_chain(&error))
            }
            Err(error) => Some(error_chain(&error)),
        };
        if let Some(error) = error {
            // Pods do not need the ConfigMap to pull images.
            context.events.send(publish_failed(name, &error));
            return published;
        }
    }
}

fn publish_failed(name: &ClusterName, error: &str) -> Event {
    let map = addons::REGISTRY_HOSTING;
    Event::Warning(format!("failed to update ConfigMap `{map}` of cluster `{name}`: {error}"))
}

/// Writes the ConfigMap `local-registry-hosting`. A ConfigMap of the user is not changed.
async fn write_config_map(
    client: &kube::Client,
    local: &[LocalRegistry],
) -> Result<(), kube::Error> {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    let maps = kube::Api::<ConfigMap>::namespaced(client.clone(), "kube-public");
    let found = maps.get_opt(addons::REGISTRY_HOSTING).await?;
    let is_ours = |map: &ConfigMap| {
        map.labels().get(addons::MANAGED_BY).is_some_and(|manager| manager == "kipod")
    };
    match (local.first(), &found) {
        (_, Some(map)) if !is_ours(map) => Ok(()),
        (Some(registry), _) => apply(client, &[addons::registry_hosting(&registry.host())]).await,
        (None, Some(_)) => {
            maps.delete(addons::REGISTRY_HOSTING, &Default::default()).await.map(drop)
        }
        (None, None) => Ok(()),
    }
}
