//! Bridge networks.

use podman_api::models::{Network, Subnet};
use podman_api::opts::{NetworkCreateOpts, NetworkListFilter, NetworkListOpts};

use super::client::Client;
use crate::podman::api::{NetworkInfo, NetworkOptions, PodmanError};

/// Creates a bridge network. Podman's DNS server is disabled: the containers have static addresses, and
/// each network has one process less.
pub(super) async fn create(client: &Client, options: &NetworkOptions) -> Result<(), PodmanError> {
    let name = &options.name;
    let subnet = |subnet: String, gateway: String| Subnet {
        subnet: Some(subnet),
        gateway: Some(gateway),
        lease_range: None,
    };
    let subnets = [subnet(options.subnet.clone(), options.gateway.to_string())];
    let ipv6 = options.ipv6.as_ref();
    let subnet6 = ipv6.map(|(net, gateway)| subnet(net.clone(), gateway.to_string()));
    let wanted = NetworkCreateOpts::builder()
        .name(name)
        .driver("bridge")
        .dns_enabled(false)
        .subnets(subnets.into_iter().chain(subnet6))
        .ipv6_enabled(ipv6.is_some())
        .labels(&options.labels);
    // Containers on other networks connect to this one, which netavark 2 forbids by default.
    let open = &wanted.clone().options([("isolate", "false")]).build();
    let wanted = &wanted.build();
    let create = |podman: podman_api::Podman| async move { podman.networks().create(open).await };
    let created = match client.call(create).await {
        // Podman 4.0 and 4.1 reject the option; their networks are not isolated.
        Err(failure) if failure.contains("isolate") => {
            let create =
                |podman: podman_api::Podman| async move { podman.networks().create(wanted).await };
            client.call(create).await
        }
        created => created,
    };
    match created {
        Ok(_) => Ok(()),
        Err(failure) if failure.contains("network already exists") => {
            Err(PodmanError::NameInUse { kind: "network", name: name.clone() })
        }
        Err(failure) if failure.contains("is already used") && failure.contains("subnet") => {
            Err(PodmanError::SubnetInUse { subnet: options.subnet.clone() })
        }
        Err(failure) => Err(client.error(failure, format!("create network `{name}`"))),
    }
}

/// Lists the networks with a label.
pub(super) async fn list(client: &Client, label: &str) -> Result<Vec<NetworkInfo>, PodmanError> {
    let filter = match label.split_once('=') {
        _ if label.is_empty() => None,
        Some((key, value)) => Some(NetworkListFilter::LabelKeyVal(key.into(), value.into())),
        None => Some(NetworkListFilter::LabelKey(label.into())),
    };
    let wanted = NetworkListOpts::builder().filter(filter).build();
    let wanted = &wanted;
    let found = client
        .query(|podman| async move { podman.networks().list(wanted).await })
        .await
        .map_err(|failure| client.error(failure, "list networks"))?;
    Ok(found.into_iter().map(info).collect())
}

fn info(network: Network) -> NetworkInfo {
    NetworkInfo {
        name: network.name.unwrap_or_default(),
        subnets: network.subnets.unwrap_or_default().into_iter().filter_map(|s| s.subnet).collect(),
        labels: network.labels.unwrap_or_default().into_iter().collect(),
    }
}

/// Removes a network. Without force, which would also remove the containers on it.
pub(super) async fn remove(client: &Client, name: &str) -> Result<bool, PodmanError> {
    let action = || format!("remove network `{name}`");
    let remove =
        |podman: podman_api::Podman| async move { podman.networks().get(name).delete().await };
    match client.call(remove).await {
        Ok(reports) => match reports.into_iter().find_map(|report| report.err) {
            Some(message) => Err(PodmanError::Operation { action: action(), message }),
            None => Ok(true),
        },
        Err(failure) if failure.is_missing() => Ok(false),
        Err(failure) => Err(client.error(failure, action())),
    }
}
