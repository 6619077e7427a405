//! Creation of a registry.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::probe::wait_until_ready;
use super::{
    RegistryError, RegistryName, RegistrySummary, label, labels, network_name, registries,
};
use crate::plan::{choose_node_subnet, first_address, gateway, subnets_of};
use crate::podman::{
    ContainerOptions, ContainerState, NetworkAttachment, NetworkOptions, Podman, PodmanError,
    PortMapping, VolumeMount, VolumeOptions,
};
use crate::spec::{LocalRegistry, Subnet};
use crate::util::ports::free_port;

/// The number of SIGTERM. Source: signal(7).
const SIGTERM: i64 = 15;
/// Seconds from SIGTERM to SIGKILL. A registry has no unsaved data.
const STOP_SECONDS: u64 = 5;
/// The data directory of registry images.
const DATA: &str = "/var/lib/registry";

/// Options of a registry.
pub(crate) struct RegistryOptions<'a> {
    pub(crate) name: &'a RegistryName,
    /// The port of the host; `None` selects a free one.
    pub(crate) port: Option<u16>,
    /// Ports that are not selected automatically.
    pub(crate) reserved_ports: Vec<u16>,
    /// The reference of an image in the user's store.
    pub(crate) image: &'a str,
    /// See [`ContainerOptions::cgroup_parent`].
    pub(crate) cgroup_parent: Option<String>,
    /// Subnets that the registry must not use.
    pub(crate) used_subnets: Vec<Subnet>,
    /// Networks of the host, whose subnets are used only if no others are free.
    pub(crate) host_networks: Vec<Subnet>,
    /// The timeout of its readiness.
    pub(crate) timeout: Duration,
}

/// Creates a registry and waits until it is ready. The caller removes remains of a registry with the
/// same name before, and those of this one after a failure.
pub(crate) async fn create(
    podman: &dyn Podman,
    options: &RegistryOptions<'_>,
) -> Result<RegistrySummary, RegistryError> {
    let failed = |source| RegistryError::Podman { name: options.name.clone(), source };
    let port = choose_port(options, &registries(podman).await.map_err(failed)?)?;
    let subnet = create_network(podman, options).await?;
    let registry =
        LocalRegistry { name: options.name.to_string(), port, address: first_address(&subnet) };
    let labels = labels(&registry.name);
    let volume = VolumeOptions { name: registry.name.clone(), labels };
    podman.create_volume(&volume).await.map_err(failed)?;
    podman.create_container(&container(options, &registry)).await.map_err(failed)?;
    podman.start_container(&registry.name).await.map_err(failed)?;
    wait_until_ready(podman, options.name, port, options.timeout, false).await?;
    Ok(RegistrySummary {
        name: options.name.clone(),
        port,
        address: registry.address,
        host: registry.host(),
        image: options.image.to_owned(),
        state: ContainerState::Running,
    })
}

fn container(options: &RegistryOptions<'_>, registry: &LocalRegistry) -> ContainerOptions {
    let name = &registry.name;
    let mut labels = labels(name);
    labels.extend([
        (label::PORT.to_owned(), registry.port.to_string()),
        (label::ADDRESS.to_owned(), registry.address.to_string()),
        (label::IMAGE.to_owned(), options.image.to_owned()),
    ]);
    ContainerOptions {
        name: name.clone(),
        hostname: name.clone(),
        image: options.image.to_owned(),
        systemd: false,
        command: Vec::new(),
        env: BTreeMap::new(),
        labels,
        volumes: vec![VolumeMount { name: name.clone(), target: DATA.to_owned() }],
        binds: Vec::new(),
        tmpfs: Vec::new(),
        devices: Vec::new(),
        milli_cpus: None,
        memory: None,
        network: NetworkAttachment {
            name: network_name(name),
            address: registry.address,
            address6: None,
        },
        ports: vec![PortMapping {
            host_address: Ipv4Addr::LOCALHOST.into(),
            host_port: Some(registry.port),
            container_port: LocalRegistry::CONTAINER_PORT,
            protocol: "tcp",
            count: 1,
        }],
        dns_search: None,
        cgroup_parent: options.cgroup_parent.clone(),
        stop_signal: SIGTERM,
        stop_timeout: STOP_SECONDS,
        restart: true,
    }
}

/// Returns the requested port, or any, if it is free and no other registry has it, running or not: nodes
/// identify a registry by its port.
fn choose_port(
    options: &RegistryOptions<'_>,
    others: &[RegistrySummary],
) -> Result<u16, RegistryError> {
    let requested = options.port.unwrap_or(0);
    let failed =
        |source| RegistryError::Port { name: options.name.clone(), port: requested, source };
    let owner = |port| others.iter().find(|other| other.port == port);
    if let Some(other) = owner(requested) {
        return Err(RegistryError::PortOfOther {
            name: options.name.clone(),
            port: requested,
            other: other.name.to_string(),
        });
    }
    let is_usable = |port| owner(port).is_none() && !options.reserved_ports.contains(&port);
    free_port((Ipv4Addr::LOCALHOST, requested).into(), is_usable).map_err(failed)
}

/// Creates the registry's network in a free subnet. Podman also rejects subnets of the host's own
/// networks, which its list does not contain; then this tries the next one.
async fn create_network(
    podman: &dyn Podman,
    options: &RegistryOptions<'_>,
) -> Result<Subnet, RegistryError> {
    let failed = |source| RegistryError::Podman { name: options.name.clone(), source };
    let networks = podman.networks("").await.map_err(failed)?;
    let mut used: Vec<Subnet> = subnets_of(&networks);
    used.extend_from_slice(&options.used_subnets);
    loop {
        let subnet = choose_node_subnet(&used, &[], &options.host_networks);
        let subnet = subnet.ok_or(RegistryError::NoSubnet)?;
        let options = NetworkOptions {
            name: network_name(options.name.as_str()),
            subnet: subnet.to_string(),
            gateway: gateway(&subnet),
            ipv6: None,
            labels: labels(options.name.as_str()),
        };
        match podman.create_network(&options).await {
            Ok(()) => return Ok(subnet),
            Err(PodmanError::SubnetInUse { .. }) => used.push(subnet),
            Err(source) => return Err(failed(source)),
        }
    }
}
