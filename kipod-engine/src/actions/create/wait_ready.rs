//! Waiting until every node is Ready and cluster DNS has a ready replica.

use super::{Context, CreateError, Request};
use crate::actions::restarted_nodes::RestartedNodes;
use crate::actions::wait::Waiter;
use crate::events::{Event, Step, step};

/// Waits for nodes and cluster DNS, unless the user installs the CNI or disabled waiting.
pub(super) async fn run(
    cx: Context<'_>,
    request: &Request,
    waiter: &Waiter<'_>,
) -> Result<(), CreateError> {
    let spec = &request.spec;
    if spec.networking.disable_default_cni {
        let text = "nodes become Ready once you install a CNI plugin";
        cx.events.send(Event::Note(text.to_owned()));
    } else if !spec.wait.is_zero() {
        let restarted = RestartedNodes::none();
        let wait = waiter.workloads(spec.wait, &restarted);
        step(cx.events, Step::Ready, wait).await?;
    }
    Ok(())
}
