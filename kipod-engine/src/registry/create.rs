//! Making a registry.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{
    RegistryError, RegistryName, RegistrySummary, label, labels, network_name, registries,
};
use crate::plan::choose_node_subnet;
use crate::podman::{
    ContainerOptions, ContainerState, NetworkAttachment, NetworkOptions, Podman, PodmanError,
    PortMapping, VolumeMount, VolumeOptions,
};
use crate::spec::{LocalRegistry, Subnet};

/// The number of SIGTERM. Source: signal(7).
const SIGTERM: i64 = 15;
/// How long it has to end; it has nothing to write that is not written.
const STOP_SECONDS: u64 = 5;
/// Where every registry image keeps what it is given.
const DATA: &str = "/var/lib/registry";
/// The places of the bridge's and of the registry's address in the network.
const GATEWAY: u32 = 1;
const ADDRESS: u32 = 2;
const POLL: Duration = Duration::from_millis(100);
/// How long one answer may take.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How many lines of its output are shown when it does not answer.
const OUTPUT_LINES: usize = 10;

/// What a registry shall be made of.
pub(crate) struct RegistryOptions<'a> {
    pub(crate) name: &'a RegistryName,
    /// The host's port; any free one where it is `None`.
    pub(crate) port: Option<u16>,
    /// Ports that are not taken unless they are asked for.
    pub(crate) spoken_for: Vec<u16>,
    /// An image in the user's store.
    pub(crate) image: &'a str,
    /// See [`ContainerOptions::cgroup_parent`].
    pub(crate) cgroup_parent: Option<String>,
    /// Subnets that must stay free.
    pub(crate) used: Vec<Subnet>,
    /// Subnets that are taken only if there are no others.
    pub(crate) around: Vec<Subnet>,
    /// How long it may take to answer.
    pub(crate) limit: Duration,
}

/// Makes a registry and waits until it answers. What is there of its name is the caller's to remove,
/// before and after a failure.
pub(crate) async fn create(
    podman: &dyn Podman,
    options: &RegistryOptions<'_>,
) -> Result<RegistrySummary, RegistryError> {
    let failed = |source| RegistryError::Podman { name: options.name.clone(), source };
    let port = free_port(options, &registries(podman).await.map_err(failed)?)?;
    let subnet = create_network(podman, options).await?;
    let registry =
        LocalRegistry { name: options.name.to_string(), port, address: nth(&subnet, ADDRESS) };
    let labels = labels(&registry.name);
    let volume = VolumeOptions { name: registry.name.clone(), labels };
    podman.create_volume(&volume).await.map_err(failed)?;
    podman.create_container(&container(options, &registry)).await.map_err(failed)?;
    podman.start_container(&registry.name).await.map_err(failed)?;
    until_it_answers(podman, options.name, port, options.limit, false).await?;
    Ok(RegistrySummary {
        host: registry.host(),
        registry,
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

/// The port asked for, or any, if it is free and no other registry, running or not, has it: nodes know
/// a registry by its port.
fn free_port(
    options: &RegistryOptions<'_>,
    others: &[RegistrySummary],
) -> Result<u16, RegistryError> {
    let wanted = options.port.unwrap_or(0);
    let fault = |source| RegistryError::Port { name: options.name.clone(), port: wanted, source };
    let owner = |port| others.iter().find(|other| other.registry.port == port);
    if let Some(other) = owner(wanted) {
        return Err(RegistryError::PortOfOther {
            name: options.name.clone(),
            port: wanted,
            other: other.registry.name.clone(),
        });
    }
    // Listeners are kept until the choice is made, so that the kernel offers another port each time.
    let mut listeners = Vec::new();
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).map_err(fault)?;
        let port = listener.local_addr().map_err(fault)?.port();
        if options.port.is_some() || (owner(port).is_none() && !options.spoken_for.contains(&port))
        {
            return Ok(port);
        }
        listeners.push(listener);
    }
}

/// Podman also refuses what the host itself uses, which its list of networks does not show: so another
/// subnet is tried, and never the same again.
async fn create_network(
    podman: &dyn Podman,
    options: &RegistryOptions<'_>,
) -> Result<Subnet, RegistryError> {
    let failed = |source| RegistryError::Podman { name: options.name.clone(), source };
    let networks = podman.networks("").await.map_err(failed)?;
    let subnets = networks.iter().flat_map(|network| &network.subnets);
    let mut used: Vec<Subnet> = subnets.filter_map(|subnet| subnet.parse().ok()).collect();
    used.extend_from_slice(&options.used);
    loop {
        let subnet = choose_node_subnet(&used, &[], &options.around);
        let subnet = subnet.ok_or(RegistryError::NoSubnet)?;
        let options = NetworkOptions {
            name: network_name(options.name.as_str()),
            subnet: subnet.to_string(),
            gateway: nth(&subnet, GATEWAY),
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

/// An address of a subnet that is large enough.
fn nth(subnet: &Subnet, index: u32) -> Ipv4Addr {
    subnet.nth(index).unwrap_or_else(|| subnet.address())
}

/// Waits until it answers as the distribution specification has it. `known` is whether it was there
/// before.
pub(crate) async fn until_it_answers(
    podman: &dyn Podman,
    name: &RegistryName,
    port: u16,
    limit: Duration,
    known: bool,
) -> Result<(), RegistryError> {
    let start = Instant::now();
    loop {
        let answer = tokio::time::timeout(ATTEMPT, ask(port)).await;
        let seen = match answer {
            Ok(Ok(status)) if is_answer(&status) => return Ok(()),
            Ok(Ok(status)) => format!("it says `{status}`"),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", ATTEMPT.as_secs()),
        };
        if start.elapsed() >= limit {
            let logs = podman.logs(name.as_str(), OUTPUT_LINES).await;
            return Err(RegistryError::Silent {
                name: name.clone(),
                waited: limit,
                seen,
                output: logs.unwrap_or_default().trim().to_owned(),
                known,
            });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The first line of the answer to `GET /v2/`.
async fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("GET /v2/ HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// Whether there is a registry, also if it wants to know who asks.
fn is_answer(status: &str) -> bool {
    matches!(status.split(' ').nth(1), Some("200" | "401"))
}
