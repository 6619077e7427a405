//! Waits for the API server and kubeadm, then assigns pod CIDRs to the nodes.

use super::reserve::Reservation;
use super::{Context, CreateError, Request};
use crate::actions::wait::Waiter;
use crate::actions::wait_target::WaitTarget;
use crate::cluster::phases;
use crate::events::{Event, Step, step};
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
    report_warnings(cx, &waiter.cluster);
    waiter.complete_node_objects().await?;
    Ok(waiter)
}

/// Passes on kubeadm's warnings about fields and feature gates that it does not know, each once.
fn report_warnings(cx: Context<'_>, cluster: &WaitTarget) {
    let mut reported = Vec::new();
    for node in &cluster.nodes {
        for line in phases::warnings(&node.status_dir) {
            let text = klog_message(&line).to_owned();
            if !reported.contains(&text) {
                let warning = format!("kubeadm on node `{}`: {text}", node.name);
                cx.events.send(Event::Warning(warning));
                reported.push(text);
            }
        }
    }
}

/// Returns the message of a line of klog: `W1128 19:12:13.6 61 file.go:1] MESSAGE`.
fn klog_message(line: &str) -> &str {
    line.split_once("] ").map_or(line, |(_, message)| message)
}
