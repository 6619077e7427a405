//! Manifests and fixtures: files of objects that are in the cluster before a test begins.

mod files;

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kipod_engine::lease::{LeaseError, Lock};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Client, Resource};

use crate::error::SetupError;
use crate::harness::Held;
use crate::name;
use crate::settings::stretched;
use crate::wait::{self, WaitError};
use files::Manifest;

/// Who owns the fields of what is applied.
const FIELD_MANAGER: &str = "kipod";
/// How long what manifests bring may take to be ready. An image may have to be pulled.
const READY_LIMIT: Duration = Duration::from_secs(180);

/// Manifests that could not be applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// A file or folder cannot be read.
    #[error("`{}`: {source}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// A pattern names no file.
    #[error("no file is like `{}`", .pattern.display())]
    NoMatch { pattern: PathBuf },
    /// A file does not hold objects.
    #[error("`{}`: {message}", .path.display())]
    Parse { path: PathBuf, message: String },
    /// The cluster did not take an object.
    #[error("`{}`: {kind} `{name}`: {source}", .path.display())]
    Refused { path: PathBuf, kind: String, name: String, source: Box<kube::Error> },
    /// An object of a test's namespace says that it belongs elsewhere.
    #[error("`{}`: {kind} `{name}` {why}", .path.display())]
    Elsewhere { path: PathBuf, kind: String, name: String, why: String },
    /// What was applied did not become ready.
    #[error(transparent)]
    NotReady(#[from] WaitError),
}

/// Applies a test's manifests to its cluster, once for each content, cluster and run, and waits for
/// what they bring: definitions of kinds are established, workloads are rolled out.
pub(crate) async fn manifests(
    held: &Held,
    folder: &Path,
    patterns: &[&str],
) -> Result<(), SetupError> {
    if patterns.is_empty() {
        return Ok(());
    }
    let manifests = files::read(folder, patterns)?;
    let texts = manifests.iter().map(|manifest| manifest.text.as_str());
    // A cluster that is somebody else's may have lost them between two runs.
    let of = [held.hold.access.identity.as_str(), &held.run.id];
    let mark = format!("{:016x}", name::hash(of.into_iter().chain(texts)));
    let path = held.files.applied();
    let lock = tokio::task::spawn_blocking({
        let path = path.clone();
        move || Lock::exclusive(&path, || {})
    });
    let _lock = lock.await.map_err(|_| SetupError::Helper)??;
    let io = |source| SetupError::File(LeaseError { path: path.clone(), source });
    let done = std::fs::read_to_string(&path).map_err(io)?;
    if done.lines().any(|line| line == mark) {
        return Ok(());
    }
    let client = &held.hold.client;
    for manifest in &manifests {
        // What a file defines, later objects of it may use.
        for object in &manifest.objects {
            apply(client, manifest, object, None).await?;
            if kind_of(object) == "CustomResourceDefinition" {
                let name = object.metadata.name.clone().unwrap_or_default();
                let api: Api<CustomResourceDefinition> = Api::all(client.clone());
                let wait = wait::object(&api, &name, wait::crd_established());
                wait.limit(stretched(READY_LIMIT)).await.map_err(ApplyError::from)?;
            }
        }
    }
    for object in manifests.iter().flat_map(|manifest| &manifest.objects) {
        ready(client, object).await?;
    }
    std::fs::write(&path, format!("{done}{mark}\n")).map_err(io)
}

/// Applies a test's fixtures into its namespace.
pub(crate) async fn fixtures(
    client: &Client,
    folder: &Path,
    patterns: &[&str],
    namespace: &str,
) -> Result<(), SetupError> {
    for manifest in files::read(folder, patterns)? {
        for object in &manifest.objects {
            apply(client, &manifest, object, Some(namespace)).await?;
        }
    }
    Ok(())
}

/// Applies one object: into `namespace` if that is given, else where the object says.
async fn apply(
    client: &Client,
    manifest: &Manifest,
    object: &DynamicObject,
    namespace: Option<&str>,
) -> Result<(), ApplyError> {
    let kind = kind_of(object).to_owned();
    let name = object.metadata.name.clone().unwrap_or_default();
    let path = manifest.path.clone();
    let refused = |source| ApplyError::Refused {
        path: path.clone(),
        kind: kind.clone(),
        name: name.clone(),
        source: Box::new(source),
    };
    let elsewhere = |why| ApplyError::Elsewhere {
        path: path.clone(),
        kind: kind.clone(),
        name: name.clone(),
        why,
    };
    let types = object.types.clone().unwrap_or_default();
    let gvk = GroupVersionKind::try_from(&types).map_err(|error| elsewhere(error.to_string()))?;
    let (resource, capabilities) = pinned_kind(client, &gvk).await.map_err(refused)?;
    let own = object.metadata.namespace.as_deref();
    let api: Api<DynamicObject> = match (capabilities.scope, namespace) {
        (Scope::Cluster, None) => Api::all_with(client.clone(), &resource),
        (Scope::Cluster, Some(_)) => {
            let why = "belongs to the whole cluster: put it into `manifests`".to_owned();
            return Err(elsewhere(why));
        }
        (Scope::Namespaced, Some(namespace)) => {
            if let Some(own) = own.filter(|own| *own != namespace) {
                let why = format!(
                    "says `namespace: {own}`, but fixtures go into the test's: leave it out"
                );
                return Err(elsewhere(why));
            }
            Api::namespaced_with(client.clone(), namespace, &resource)
        }
        (Scope::Namespaced, None) => {
            Api::namespaced_with(client.clone(), own.unwrap_or("default"), &resource)
        }
    };
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&name, &params, &Patch::Apply(object)).await.map_err(refused)?;
    Ok(())
}

/// Waits until a workload is rolled out.
async fn ready(client: &Client, object: &DynamicObject) -> Result<(), ApplyError> {
    async fn one<K>(client: &Client, object: &DynamicObject) -> Result<(), ApplyError>
    where
        K: wait::Rollout<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Resource
            + Clone
            + std::fmt::Debug
            + Send
            + Sync
            + serde::de::DeserializeOwned
            + 'static,
    {
        let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
        let api: Api<K> = Api::namespaced(client.clone(), namespace);
        let name = object.metadata.name.clone().unwrap_or_default();
        wait::object(&api, &name, wait::rolled_out()).limit(stretched(READY_LIMIT)).await?;
        Ok(())
    }
    match kind_of(object) {
        "Deployment" => one::<Deployment>(client, object).await,
        "StatefulSet" => one::<StatefulSet>(client, object).await,
        "DaemonSet" => one::<DaemonSet>(client, object).await,
        _ => Ok(()),
    }
}

fn kind_of(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| types.kind.as_str())
}
