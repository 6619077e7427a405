//! Waits for the API server and kubeadm, then assigns pod CIDRs to the nodes.

use super::reserve::Reservation;
use super::{Context, CreateError, Request};
use crate::actions::wait::Waiter;
use crate::actions::wait_target::WaitTarget;
use crate::events::{Step, step};
use crate::kubeconfig::{Kubeconfig, client};

/// Waits for the control plane, and gives every node its pod CIDR.
pub(super) async fn run<'a>(
    cx: Context<'a>,
    request: &'a Request,
    reservation: &Reservation,
) -> Result<Waiter<'a>, CreateError> {
    let kubeconfig = Kubeconfig::new(reservation.plan.access.clone()).to_yaml();
    let timeouts = request.machine.timeouts;
    let client = client::connect_with_timeout(&kubeconfig, timeouts.connect()).await;
    let client = client.map_err(|source| CreateError::Client {
        name: request.spec.name.clone(),
        source: Box::new(source),
    })?;
    let target = WaitTarget::planned(&reservation.plan, &request.spec);
    let (podman, cancel, state) = (cx.podman, &request.cancel, cx.dirs.state.as_path());
    let waiter = Waiter { cluster: target, podman, client, cancel, state, timeouts };
    let timeout = timeouts.control_plane();
    step(cx.events, Step::StartControlPlane, waiter.api_server(timeout)).await?;
    step(cx.events, Step::Bootstrap, waiter.kubeadm(timeout)).await?;
    waiter.assign_pod_subnets().await;
    Ok(waiter)
}
