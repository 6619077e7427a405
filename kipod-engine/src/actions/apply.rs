//! Server-side apply of manifests.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;

/// Applies manifests in order, by server-side apply with the field manager `kipod`.
pub(super) async fn apply(client: &Client, documents: &[Value]) -> Result<(), kube::Error> {
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
