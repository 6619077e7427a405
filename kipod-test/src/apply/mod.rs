//! Manifests and fixtures: files of Kubernetes objects that are applied before a test begins.

mod error;
mod files;

use std::path::Path;
use std::time::{Duration, Instant};

use kipod_engine::lease::{LeaseError, Lock};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiCapabilities, ApiResource, Scope, pinned_kind};

pub(crate) use error::ApplyError;
use error::ObjectName;
use files::Manifest;

use crate::background::thread::unblock;
use crate::lease::ClusterLease;
use crate::name;
use crate::settings::scaled;
use crate::wait;

const FIELD_MANAGER: &str = "kipod";
/// Timeout for a workload of a manifest to be rolled out. Its image may have to be pulled.
const READY_TIMEOUT: Duration = Duration::from_secs(180);
/// Timeout for an established CustomResourceDefinition to appear in the list of kinds.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(2);
const DISCOVERY_INTERVAL: Duration = Duration::from_millis(100);

/// Applies the manifests of a test to its cluster, once per content, cluster and run. Waits until
/// CustomResourceDefinitions are established and workloads are rolled out. An object may precede its
/// namespace or CustomResourceDefinition.
pub(crate) async fn manifests(
    lease: &ClusterLease,
    dir: &Path,
    patterns: &[&str],
) -> Result<(), ApplyError> {
    if patterns.is_empty() {
        return Ok(());
    }
    let manifests = files::read(dir, patterns)?;
    let path = lease.files.applied();
    let lock_path = path.clone();
    let _lock = unblock(move || Lock::exclusive(&lock_path, || {})).await?;
    let io = |source| LeaseError { path: path.clone(), source };
    let applied = std::fs::read_to_string(&path).map_err(io)?;
    let digest = digest(lease, &manifests);
    if applied.lines().any(|line| line == digest) {
        return Ok(());
    }
    let client = &lease.client;
    let mut objects = Vec::new();
    for (manifest, object) in in_order(&manifests) {
        let resource = apply(client, manifest, object, None).await?;
        if resource.kind == "CustomResourceDefinition" {
            wait_until_established(client, &resource, object).await?;
        }
        objects.push((resource, object));
    }
    for (resource, object) in objects {
        wait_until_rolled_out(client, &resource, object).await?;
    }
    std::fs::write(&path, format!("{applied}{digest}\n")).map_err(io)?;
    Ok(())
}

/// Returns the objects in the order in which they can be applied: namespaces, CustomResourceDefinitions, then
/// all others in the order of the files.
fn in_order(manifests: &[Manifest]) -> Vec<(&Manifest, &DynamicObject)> {
    let mut all: Vec<_> = manifests
        .iter()
        .flat_map(|manifest| manifest.objects.iter().map(move |object| (manifest, object)))
        .collect();
    // Stable.
    all.sort_by_key(|(_, object)| match kind_of(object) {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        _ => 2,
    });
    all
}

/// Returns a hash of the manifests, the cluster and the run. The run is included because an external
/// cluster may lose the objects between two runs.
fn digest(lease: &ClusterLease, manifests: &[Manifest]) -> String {
    let scope = [lease.access.identity.as_str(), &lease.run.id];
    let texts = manifests.iter().map(|manifest| manifest.text.as_str());
    format!("{:016x}", name::hash(scope.into_iter().chain(texts)))
}

/// Applies the fixtures of a test to its namespace.
pub(crate) async fn fixtures(
    client: &Client,
    dir: &Path,
    patterns: &[&str],
    namespace: &str,
) -> Result<(), ApplyError> {
    for manifest in files::read(dir, patterns)? {
        for object in &manifest.objects {
            apply(client, &manifest, object, Some(namespace)).await?;
        }
    }
    Ok(())
}

/// Applies one object: to `namespace` if it is a fixture, otherwise to the namespace it sets. Returns its
/// type.
async fn apply(
    client: &Client,
    manifest: &Manifest,
    object: &DynamicObject,
    namespace: Option<&str>,
) -> Result<ApiResource, ApplyError> {
    let name = object.metadata.name.clone().unwrap_or_default();
    let object_name = || ObjectName {
        path: manifest.path.clone(),
        kind: kind_of(object).to_owned(),
        name: name.clone(),
    };
    let refused = |source| ApplyError::Refused { object: object_name(), source: Box::new(source) };
    let types = object.types.clone().unwrap_or_default();
    let gvk = GroupVersionKind::try_from(&types)
        .map_err(|source| ApplyError::Type { object: object_name(), source })?;
    let Some((resource, capabilities)) = discover(client, &gvk).await.map_err(refused)? else {
        let api_version = types.api_version.clone();
        return Err(ApplyError::UnknownKind { object: object_name(), api_version });
    };
    let own = object.metadata.namespace.as_deref();
    let api: Api<DynamicObject> = match (capabilities.scope, namespace) {
        (Scope::Cluster, None) => Api::all_with(client.clone(), &resource),
        (Scope::Cluster, Some(_)) => {
            return Err(ApplyError::ClusterScoped { object: object_name() });
        }
        (Scope::Namespaced, Some(namespace)) => {
            if let Some(own) = own.filter(|own| *own != namespace) {
                let namespace = own.to_owned();
                return Err(ApplyError::OtherNamespace { object: object_name(), namespace });
            }
            Api::namespaced_with(client.clone(), namespace, &resource)
        }
        (Scope::Namespaced, None) => {
            Api::namespaced_with(client.clone(), own.unwrap_or("default"), &resource)
        }
    };
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&name, &params, &Patch::Apply(object)).await.map_err(refused)?;
    Ok(resource)
}

/// Returns the resource of a kind; `None` if the cluster has no such kind. A new kind can be missing for a
/// moment after its CustomResourceDefinition is established.
async fn discover(
    client: &Client,
    gvk: &GroupVersionKind,
) -> kube::Result<Option<(ApiResource, ApiCapabilities)>> {
    let start = Instant::now();
    loop {
        match pinned_kind(client, gvk).await {
            Ok(found) => return Ok(Some(found)),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(kube::Error::Discovery(_)) => {}
            Err(error) => return Err(error),
        }
        if start.elapsed() > scaled(DISCOVERY_TIMEOUT) {
            return Ok(None);
        }
        tokio::time::sleep(DISCOVERY_INTERVAL).await;
    }
}

async fn wait_until_established(
    client: &Client,
    resource: &ApiResource,
    crd: &DynamicObject,
) -> Result<(), ApplyError> {
    let name = crd.metadata.name.as_deref().unwrap_or_default();
    let established = wait::dynamic_crd_established();
    let wait = wait::dynamic_object(client, resource, None, name, established);
    wait.timeout(scaled(READY_TIMEOUT)).await?;
    Ok(())
}

/// Waits until a workload is rolled out. Returns at once for other objects.
async fn wait_until_rolled_out(
    client: &Client,
    resource: &ApiResource,
    object: &DynamicObject,
) -> Result<(), ApplyError> {
    let Some(rolled_out) = wait::dynamic_rolled_out(resource) else { return Ok(()) };
    let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let wait = wait::dynamic_object(client, resource, Some(namespace), name, rolled_out);
    wait.timeout(scaled(READY_TIMEOUT)).await?;
    Ok(())
}

fn kind_of(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| types.kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_and_definitions_come_first() {
        let dir = tempfile::tempdir().unwrap();
        let object = |api: &str, kind: &str, name: &str| {
            format!("---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}}}\n")
        };
        let custom = object("example.com/v1", "Example", "custom");
        let definition =
            object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "definition");
        std::fs::write(dir.path().join("a.yaml"), custom + &object("v1", "ConfigMap", "map"))
            .unwrap();
        std::fs::write(dir.path().join("b.yaml"), definition + &object("v1", "Namespace", "space"))
            .unwrap();
        let manifests = files::read(dir.path(), &["*.yaml"]).unwrap();
        let names: Vec<_> = in_order(&manifests)
            .into_iter()
            .filter_map(|(_, object)| object.metadata.name.as_deref())
            .collect();
        assert_eq!(names, ["space", "definition", "custom", "map"]);
    }
}
