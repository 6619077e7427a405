//! Installation of the add-ons that kipod adds to kubeadm's own.

use kube::Client;

use super::preflight::Found;
use super::{Context, CreateError, Request};
use crate::actions::apply::apply;
use crate::events::{Step, step};
use crate::kubernetes::Settings;
use crate::node::addons;

/// Installs the pull policy for local images, the default StorageClass and, where configured,
/// metrics-server. Does not wait for their pods: a claim waits for its volume anyway.
pub(super) async fn run(
    cx: Context<'_>,
    request: &Request,
    found: &Found,
    client: &Client,
) -> Result<(), CreateError> {
    let name = &request.spec.name;
    if Settings::of(&found.node_images[0].kubernetes_version).has_mutating_policies {
        let installed = apply(client, &addons::local_images()).await;
        installed.map_err(|source| CreateError::LocalImages { name: name.clone(), source })?;
    }
    if found.node_images[0].has_storage {
        let install = async {
            let installed = apply(client, &addons::storage()).await;
            installed.map_err(|source| CreateError::Storage { name: name.clone(), source })
        };
        step(cx.events, Step::Storage, install).await?;
    }
    if request.spec.metrics {
        let install = async {
            let installed = apply(client, &addons::metrics()).await;
            installed.map_err(|source| CreateError::Metrics { name: name.clone(), source })
        };
        step(cx.events, Step::Metrics, install).await?;
    }
    Ok(())
}
