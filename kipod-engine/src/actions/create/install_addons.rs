//! Installation of the add-ons that kipod adds to kubeadm's own.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;

use super::preflight::Found;
use super::{Context, CreateError, Request};
use crate::events::{Step, step};
use crate::node::addons;

/// Installs the default StorageClass and, where configured, metrics-server. Does not wait for their
/// pods: a claim waits for its volume anyway.
pub(super) async fn run(
    cx: Context<'_>,
    request: &Request,
    found: &Found,
    client: &Client,
) -> Result<(), CreateError> {
    let name = &request.spec.name;
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

/// Applies manifests in order, by server-side apply with the field manager `kipod`.
pub(in crate::actions) async fn apply(
    client: &Client,
    documents: &[Value],
) -> Result<(), kube::Error> {
    for document in documents {
        let text = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = match text("/apiVersion").split_once('/') {
            Some(both) => both,
            None => ("", text("/apiVersion")),
        };
        // The plural is derived from the kind, which is right for all of kipod's manifests.
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("/kind")));
        let namespace = text("/metadata/namespace");
        let api: Api<DynamicObject> = match namespace {
            "" => Api::all_with(client.clone(), &resource),
            _ => Api::namespaced_with(client.clone(), namespace, &resource),
        };
        let params = PatchParams::apply("kipod").force();
        api.patch(text("/metadata/name"), &params, &Patch::Apply(document)).await?;
    }
    Ok(())
}
