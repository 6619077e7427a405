//! A controller for `Site`, which publishes a page and registers its host.
//!
//! The page is in a ConfigMap owned by the site, so Kubernetes deletes it with the site. The hosts of all
//! sites are in one shared ConfigMap, which no site can own: a finalizer removes the host.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::finalizer::{Error, Event, finalizer};
use kube::runtime::watcher;
use kube::{Client, CustomResource, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The field manager of the controller.
const MANAGER: &str = "site-controller";
/// The finalizer that blocks the deletion of a site until its host has been released.
pub const FINALIZER: &str = "kipod.example/host";
/// The name of the shared ConfigMap. It maps each host to the name of its site.
pub const HOSTS: &str = "hosts";
/// The key of the page in the ConfigMap of a site.
pub const PAGE: &str = "index.html";

/// A web site with one page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[kube(
    group = "kipod.example",
    version = "v1",
    kind = "Site",
    namespaced,
    status = "SiteStatus",
    printcolumn = r#"{"name":"Host","type":"string","jsonPath":".spec.host"}"#
)]
pub struct SiteSpec {
    /// The host name. It must be unique.
    pub host: String,
    /// The page, as HTML.
    pub page: String,
}

/// The observed state of a site.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SiteStatus {
    /// The generation of the published spec.
    pub published_generation: Option<i64>,
}

/// Runs the controller in the client's default namespace.
///
/// When `shutdown` completes, it finishes the running reconciliations and returns.
pub async fn run(client: Client, shutdown: impl Future<Output = ()> + Send + Sync + 'static) {
    let sites: Api<Site> = Api::default_namespaced(client.clone());
    let pages: Api<ConfigMap> = Api::default_namespaced(client.clone());
    Controller::new(sites, watcher::Config::default())
        .owns(pages, watcher::Config::default())
        .graceful_shutdown_on(shutdown)
        .run(reconcile, retry, Arc::new(client))
        .for_each(async |result| {
            match result {
                // The site was deleted while it was queued.
                Ok(_) | Err(controller::Error::ObjectNotFound(_)) => {}
                Err(error) => eprintln!("{MANAGER}: {error}"),
            }
        })
        .await;
}

async fn reconcile(site: Arc<Site>, client: Arc<Client>) -> Result<Action, Error<kube::Error>> {
    let sites: Api<Site> = Api::default_namespaced(client.as_ref().clone());
    finalizer(&sites, FINALIZER, site, |event| async {
        match event {
            Event::Apply(site) => publish(&client, &sites, &site).await,
            Event::Cleanup(site) => register(&client, &site, BTreeMap::new()).await,
        }?;
        Ok(Action::await_change())
    })
    .await
}

/// Returns when to reconcile a site again after an error.
fn retry(_: Arc<Site>, _: &Error<kube::Error>, _: Arc<Client>) -> Action {
    Action::requeue(Duration::from_secs(5))
}

/// Registers the host, publishes the page, and updates the status.
async fn publish(client: &Client, sites: &Api<Site>, site: &Site) -> kube::Result<()> {
    let name = site.name_any();
    register(client, site, BTreeMap::from([(site.spec.host.clone(), name.clone())])).await?;
    let page = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            owner_references: Some(site.controller_owner_ref(&()).into_iter().collect()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(PAGE.to_owned(), site.spec.page.clone())])),
        ..ConfigMap::default()
    };
    // Forced, to take over fields changed by others: the site defines the page.
    let params = PatchParams::apply(MANAGER).force();
    let pages: Api<ConfigMap> = Api::default_namespaced(client.clone());
    pages.patch(&name, &params, &Patch::Apply(page)).await?;
    let status = json!({
        "apiVersion": Site::api_version(&()),
        "kind": Site::kind(&()),
        "status": SiteStatus { published_generation: site.meta().generation },
    });
    sites.patch_status(&name, &params, &Patch::Apply(status)).await?;
    Ok(())
}

/// Replaces the hosts of a site in the shared ConfigMap.
///
/// Each site has its own field manager. Server-side apply removes its previous hosts, keeps those of
/// other sites, and reports a conflict if another site has registered the same host.
async fn register(
    client: &Client,
    site: &Site,
    hosts: BTreeMap<String, String>,
) -> kube::Result<()> {
    let registry = ConfigMap {
        metadata: ObjectMeta { name: Some(HOSTS.to_owned()), ..ObjectMeta::default() },
        data: Some(hosts),
        ..ConfigMap::default()
    };
    let manager = format!("site-{}", site.uid().unwrap_or_default());
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    maps.patch(HOSTS, &PatchParams::apply(&manager), &Patch::Apply(registry)).await?;
    Ok(())
}
