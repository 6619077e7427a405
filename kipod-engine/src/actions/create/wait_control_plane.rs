//! Waiting until the API server is ready and kubeadm has finished on every node.

use super::reserve::Reservation;
use super::{CONTROL_PLANE_TIMEOUT, Context, CreateError, Request};
use crate::actions::wait::Waiter;
use crate::actions::wait_target::WaitTarget;
use crate::events::{Step, step};
use crate::kubeconfig::{Kubeconfig, client};

/// Waits for the control plane, and gives every node its pod CIDR.
pub(super) async fn run<'a>(
    cx: Context<'a>,
    request: &'a Request,
    made: &Reservation,
) -> Result<Waiter<'a>, CreateError> {
    let kubeconfig = Kubeconfig::new(made.plan.access.clone()).to_yaml();
    let factor = request.machine.time_factor;
    let client =
        client::connect_with_timeout(&kubeconfig, factor.of(client::CONNECT_TIMEOUT)).await;
    let client = client.map_err(|source| CreateError::Client {
        name: request.spec.name.clone(),
        source: Box::new(source),
    })?;
    let target = WaitTarget::planned(&made.plan, &request.spec);
    let (podman, cancel) = (cx.podman, &request.cancel);
    let waiter = Waiter { cluster: target, podman, client, cancel, factor };
    let timeout = factor.of(CONTROL_PLANE_TIMEOUT);
    step(cx.events, Step::StartControlPlane, waiter.api_server(timeout)).await?;
    step(cx.events, Step::Bootstrap, waiter.kubeadm(timeout)).await?;
    waiter.assign_pod_subnets().await;
    Ok(waiter)
}
