//! Initializes (`podman init`) and starts containers, after checking that host ports are free.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

use podman_api::models::PortMapping;
use podman_api::opts::{ContainerListFilter, ContainerListOpts};

use super::client::Client;
use super::failure::Failure;
use crate::podman::api::{ContainerState, PodmanError};

/// Starts a container. A running container is left unchanged.
pub(super) async fn start(client: &Client, container: &str) -> Result<(), PodmanError> {
    let action = || format!("start container `{container}`");
    let found = look_up(client, container, action).await?;
    if !found.has_published_ports() {
        check_ports(container, &found.ports)?;
    }
    let start = |podman: podman_api::Podman| async move {
        podman.containers().get(container).start(None).await
    };
    started(client, container, client.call(start).await, action)
}

/// Initializes a container that never ran, which is the first half of its start: mounts the volumes
/// (filling empty ones from the image), connects the network, publishes the ports.
pub(super) async fn initialize(
    client: &Client,
    container: &str,
    action: impl Fn() -> String,
) -> Result<(), PodmanError> {
    let found = look_up(client, container, &action).await?;
    if found.state != Some(ContainerState::Created) {
        return Ok(());
    }
    check_ports(container, &found.ports)?;
    let init =
        |podman: podman_api::Podman| async move { podman.containers().get(container).init().await };
    started(client, container, client.call(init).await, action)
}

/// The state and the published ports of a container.
#[derive(Default)]
struct Found {
    /// `None` if there is no such container.
    state: Option<ContainerState>,
    ports: Vec<PortMapping>,
}

impl Found {
    /// Returns whether Podman has the ports published at the moment.
    fn has_published_ports(&self) -> bool {
        use ContainerState::{Created, Exited, Stopped};
        !matches!(self.state, Some(Created | Exited | Stopped))
    }
}

/// Looks up a container in Podman's list. Its description of one container has an entry for each port: a
/// megabyte for thousands of ports. A list does not fail if the container does not exist.
async fn look_up(
    client: &Client,
    container: &str,
    action: impl Fn() -> String,
) -> Result<Found, PodmanError> {
    // Podman takes the name as a regular expression; kipod's names have no special characters.
    let name = ContainerListFilter::Name(format!("^{container}$"));
    let wanted = &ContainerListOpts::builder().all(true).filter([name]).build();
    let list = |podman: podman_api::Podman| async move { podman.containers().list(wanted).await };
    let found = client.query(list).await.map_err(|failure| client.error(failure, action()))?;
    let found = found.into_iter().next().map(|container| Found {
        state: container.state.as_deref().map(ContainerState::from),
        ports: container.ports.unwrap_or_default(),
    });
    Ok(found.unwrap_or_default())
}

/// Checks that the ports to be published are free, before Podman tries. Podman 4 needs three seconds to
/// detect a used port, and then considers the container's address in its network allocated for ever,
/// even when container and network are gone. That still happens for a port that is taken between this
/// check and the start.
fn check_ports(container: &str, ports: &[PortMapping]) -> Result<(), PodmanError> {
    for mapping in ports {
        let address = mapping.host_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        for number in numbers(mapping) {
            let tried = match mapping.protocol.as_deref() {
                Some("udp") => UdpSocket::bind((address, number)).map(drop),
                // The standard library does not support SCTP.
                Some("sctp") => Ok(()),
                _ => TcpListener::bind((address, number)).map(drop),
            };
            // Podman reports other errors, such as of a port below 1024.
            if let Err(error) = tried
                && error.kind() == std::io::ErrorKind::AddrInUse
            {
                return Err(PodmanError::PortInUse {
                    container: container.to_owned(),
                    message: format!("listen on {address} port {number}: {error}"),
                });
            }
        }
    }
    Ok(())
}

/// The ports of the host in a mapping.
fn numbers(mapping: &PortMapping) -> impl Iterator<Item = u16> {
    let count = mapping.range.unwrap_or(1).max(1);
    let first = mapping.host_port.filter(|first| *first > 0);
    first.into_iter().flat_map(move |first| first..=first.saturating_add(count - 1))
}

/// Converts the result of a start or an initialization.
fn started(
    client: &Client,
    container: &str,
    result: Result<(), Failure>,
    action: impl Fn() -> String,
) -> Result<(), PodmanError> {
    match result {
        Ok(()) => Ok(()),
        Err(failure) if failure.is_not_modified() => Ok(()),
        // rootlessport reports the kernel's message, pasta that of the C library.
        Err(failure)
            if failure.contains("address already in use")
                || failure.contains("Address already in use") =>
        {
            Err(PodmanError::PortInUse {
                container: container.to_owned(),
                message: failure.message(),
            })
        }
        Err(failure) => Err(client.error(failure, action())),
    }
}
