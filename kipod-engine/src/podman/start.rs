//! Starting a container, and what comes before.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

use podman_api::models::PortMapping;
use podman_api::opts::{ContainerListFilter, ContainerListOpts};

use super::PodmanError;
use super::failure::Failure;
use super::service::Service;

/// Starts a container; one that runs is left alone.
pub(super) async fn start(service: &Service, container: &str) -> Result<(), PodmanError> {
    let action = || format!("start container `{container}`");
    let found = describe(service, container, action).await?;
    if holds_no_ports(&found) {
        probe_ports(container, &found)?;
    }
    let start = |podman: podman_api::Podman| async move {
        podman.containers().get(container).start(None).await
    };
    started(service, container, service.call(start).await, action)
}

/// Does, for a container that never ran, what would be the first half of its start: mounts the
/// volumes (an empty one gets what the image has at its place), joins the network, publishes the
/// ports.
pub(super) async fn prepare(
    service: &Service,
    container: &str,
    action: impl Fn() -> String,
) -> Result<(), PodmanError> {
    let found = describe(service, container, &action).await?;
    if !matches!(found.status.as_str(), "created" | "configured") {
        return Ok(());
    }
    probe_ports(container, &found)?;
    let init =
        |podman: podman_api::Podman| async move { podman.containers().get(container).init().await };
    started(service, container, service.call(init).await, action)
}

/// What matters of a container before its start.
#[derive(Default)]
struct Described {
    status: String,
    ports: Vec<PortMapping>,
}

/// What Podman's list says of a container. Its own description of one has an entry for each port: a
/// megabyte where there are thousands. A list says nothing of one that is not there.
async fn describe(
    service: &Service,
    container: &str,
    action: impl Fn() -> String,
) -> Result<Described, PodmanError> {
    // Podman takes it for a regular expression; names that kipod gives have no other meaning in one.
    let name = ContainerListFilter::Name(format!("^{container}$"));
    let wanted = &ContainerListOpts::builder().all(true).filter([name]).build();
    let list = |podman: podman_api::Podman| async move { podman.containers().list(wanted).await };
    let found = service.ask(list).await.map_err(|failure| service.error(failure, action()))?;
    let found = found.into_iter().next().map(|container| Described {
        status: container.state.unwrap_or_default(),
        ports: container.ports.unwrap_or_default(),
    });
    Ok(found.unwrap_or_default())
}

/// Whether the container's ports, if it has any, are not published by Podman at the moment.
fn holds_no_ports(container: &Described) -> bool {
    matches!(container.status.as_str(), "created" | "configured" | "exited" | "stopped")
}

/// Looks whether the ports to be published are free, before Podman tries. Podman 4 needs three
/// seconds to find that out, and then takes the container's address on its network for allocated
/// ever after, even when container and network are gone. A port that is taken between this look
/// and the start still ends that way.
fn probe_ports(name: &str, container: &Described) -> Result<(), PodmanError> {
    for mapping in &container.ports {
        let address = mapping.host_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        for number in numbers(mapping) {
            let tried = match mapping.protocol.as_deref() {
                Some("udp") => UdpSocket::bind((address, number)).map(drop),
                // The standard library has none.
                Some("sctp") => Ok(()),
                _ => TcpListener::bind((address, number)).map(drop),
            };
            // Other faults, such as a port below 1024, are Podman's to report.
            if let Err(error) = tried
                && error.kind() == std::io::ErrorKind::AddrInUse
            {
                return Err(PodmanError::PortInUse {
                    container: name.to_owned(),
                    message: format!("listen on {address} port {number}: {error}"),
                });
            }
        }
    }
    Ok(())
}

/// The host's ports of a mapping.
fn numbers(mapping: &PortMapping) -> impl Iterator<Item = u16> {
    let count = mapping.range.unwrap_or(1).max(1);
    let first = mapping.host_port.filter(|first| *first > 0);
    first.into_iter().flat_map(move |first| first..=first.saturating_add(count - 1))
}

fn started(
    service: &Service,
    container: &str,
    result: Result<(), Failure>,
    action: impl Fn() -> String,
) -> Result<(), PodmanError> {
    match result {
        Ok(()) => Ok(()),
        Err(failure) if failure.is_unchanged() => Ok(()),
        // rootlessport says it with the kernel's words, pasta with the C library's.
        Err(failure)
            if failure.says("address already in use") || failure.says("Address already in use") =>
        {
            Err(PodmanError::PortInUse {
                container: container.to_owned(),
                message: failure.message(),
            })
        }
        Err(failure) => Err(service.error(failure, action())),
    }
}
