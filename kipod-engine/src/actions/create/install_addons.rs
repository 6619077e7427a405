//! Giving a cluster what it has beside kubeadm's own.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;

/// Applies documents, in their order, as kipod's own.
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
        // It guesses the plural from the kind, and guesses all of kipod's own kinds right.
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
