//! A controller for `Site`: it publishes a page, and registers its host.
//!
//! The page goes into a ConfigMap that the site owns, so Kubernetes deletes it with the site. The
//! host goes into one ConfigMap of all sites, which no site can own: that is what the finalizer is
//! for.

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

/// Who applies what belongs to this controller.
const MANAGER: &str = "site-controller";
/// Holds a site back until its host is given up.
pub const FINALIZER: &str = "kipod.example/host";
/// The ConfigMap with the hosts of all sites, each with the name of its site.
pub const HOSTS: &str = "hosts";
/// The key of the page in a site's own ConfigMap.
pub const PAGE: &str = "index.html";

/// A web site of one page.
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
    /// The host name; every site has its own.
    pub host: String,
    /// The page, as HTML.
    pub page: String,
}

/// What has been done for a site.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SiteStatus {
    /// The generation of the spec that is published.
    pub published_generation: Option<i64>,
}

/// Runs the controller in the client's default namespace, until `shutdown` is ready and what is
/// being worked on is done.
pub async fn run(client: Client, shutdown: impl Future<Output = ()> + Send + Sync + 'static) {
    let sites: Api<Site> = Api::default_namespaced(client.clone());
    let pages: Api<ConfigMap> = Api::default_namespaced(client.clone());
    Controller::new(sites, watcher::Config::default())
        .owns(pages, watcher::Config::default())
        .graceful_shutdown_on(shutdown)
        .run(reconcile, retry, Arc::new(client))
        .for_each(async |done| {
            match done {
                // A site that went while it waited for its turn.
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

fn retry(_: Arc<Site>, _: &Error<kube::Error>, _: Arc<Client>) -> Action {
    Action::requeue(Duration::from_secs(5))
}

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
    // By force: whoever changed the page has to change the site instead.
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

/// Makes `hosts` all that the site has in the ConfigMap of all sites. Each site is a field manager
/// of its own there: its earlier hosts go, those of others stay, and a host that another site has
/// is a conflict.
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
