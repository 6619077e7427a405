//! Starting a container, and what comes before.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

use podman_api::models::{InspectContainerData, InspectContainerHostConfig};

use super::PodmanError;
use super::failure::Failure;
use super::service::Service;

/// Starts a container; one that runs is left alone.
pub(super) async fn start(service: &Service, container: &str) -> Result<(), PodmanError> {
    let action = || format!("start container `{container}`");
    let found = describe(service, container, action).await?;
    if holds_no_ports(&found) {
        probe_ports(container, found.host_config.as_ref())?;
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
    if !matches!(status(&found), "created" | "configured") {
        return Ok(());
    }
    probe_ports(container, found.host_config.as_ref())?;
    let init =
        |podman: podman_api::Podman| async move { podman.containers().get(container).init().await };
    started(service, container, service.call(init).await, action)
}

async fn describe(
    service: &Service,
    container: &str,
    action: impl Fn() -> String,
) -> Result<InspectContainerData, PodmanError> {
    let inspect = |podman: podman_api::Podman| async move {
        podman.containers().get(container).inspect().await
    };
    service.call(inspect).await.map_err(|failure| service.error(failure, action()))
}

fn status(container: &InspectContainerData) -> &str {
    container.state.as_ref().and_then(|state| state.status.as_deref()).unwrap_or_default()
}

/// Whether the container's ports, if it has any, are not published by Podman at the moment.
fn holds_no_ports(container: &InspectContainerData) -> bool {
    matches!(status(container), "created" | "configured" | "exited" | "stopped")
}

/// Looks whether the ports to be published are free, before Podman tries. Podman 4 needs three
/// seconds to find that out, and then takes the container's address on its network for allocated
/// ever after, even when container and network are gone. A port that is taken between this look
/// and the start still ends that way.
fn probe_ports(
    container: &str,
    options: Option<&InspectContainerHostConfig>,
) -> Result<(), PodmanError> {
    let bindings = options.and_then(|options| options.port_bindings.as_ref());
    let bindings = bindings.into_iter().flatten();
    for (name, port) in
        bindings.flat_map(|(name, all)| all.iter().flatten().map(move |port| (name, port)))
    {
        let address = port.host_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let Some(number) = port.host_port.as_deref().and_then(|port| port.parse::<u16>().ok())
        else {
            continue;
        };
        // Other faults, such as a port below 1024, are Podman's to report.
        let tried = match name.rsplit_once('/') {
            Some((_, "udp")) => UdpSocket::bind((address, number)).map(drop),
            Some((_, "sctp")) => Ok(()),
            _ => TcpListener::bind((address, number)).map(drop),
        };
        if let Err(error) = tried
            && error.kind() == std::io::ErrorKind::AddrInUse
        {
            return Err(PodmanError::PortInUse {
                container: container.to_owned(),
                message: format!("listen on {address} port {number}: {error}"),
            });
        }
    }
    Ok(())
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
