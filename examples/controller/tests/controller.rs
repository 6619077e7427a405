//! Tests of the controller in a real cluster, with the permissions of its role.

use controller::{FINALIZER, HOSTS, PAGE, Site, SiteSpec};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role};
use kipod::wait::{self, Condition, State};
use kipod::{BoxError, ClientAs, DeclaredAccount, FromTestContext, TestContext};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;

/// The service account of the controller, with the permissions of `deploy/role.yaml`.
struct Account;

impl DeclaredAccount for Account {
    const NAME: &'static str = "site-controller";

    fn rules() -> Vec<PolicyRule> {
        let role: Role = serde_saphyr::from_str(include_str!("../deploy/role.yaml")).unwrap();
        role.rules.unwrap_or_default()
    }
}

/// A running controller. The test runtime stops it at the end of the test.
struct RunningController(tokio::task::JoinHandle<()>);

impl FromTestContext for RunningController {
    async fn from_test_context(context: &TestContext) -> Result<Self, BoxError> {
        let account = ClientAs::<Account>::from_test_context(context).await?;
        Ok(Self(tokio::spawn(controller::run(account.client(), std::future::pending()))))
    }
}

fn site(name: &str, host: &str) -> Site {
    Site::new(name, SiteSpec { host: host.to_owned(), page: "<h1>Hello</h1>".to_owned() })
}

/// Returns the condition that the current spec of a site is published.
fn published() -> Condition<Site> {
    Condition::new("published", |site: Option<&Site>| {
        let Some(site) = site else { return State::NotYet("not found".to_owned()) };
        let published = site.status.as_ref().and_then(|status| status.published_generation);
        let current = site.metadata.generation;
        if published.is_some() && published == current {
            State::Met
        } else {
            State::NotYet(format!("published generation {published:?}, current {current:?}"))
        }
    })
}

/// Returns the condition that a key of a ConfigMap has a value, or does not exist.
fn data(key: &'static str, value: Option<&'static str>) -> Condition<ConfigMap> {
    Condition::new(format!("{key} is {value:?}"), move |map: Option<&ConfigMap>| {
        let found = map.and_then(|map| map.data.as_ref()?.get(key)).map(String::as_str);
        if found == value { State::Met } else { State::NotYet(format!("{key} is {found:?}")) }
    })
}

#[kipod::test(manifests("crds/*.yaml"), timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn controller_publishes_a_site(
    client: Client,
    _controller: RunningController,
) -> anyhow::Result<()> {
    let sites: Api<Site> = Api::default_namespaced(client.clone());
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let created = sites.create(&PostParams::default(), &site("blog", "blog.example")).await?;
    wait::object(&sites, "blog", published()).await?;

    let page = maps.get("blog").await?;
    assert_eq!(page.data.as_ref().unwrap()[PAGE], "<h1>Hello</h1>");
    assert_eq!(page.owner_references()[0].uid, created.uid().unwrap());
    assert_eq!(maps.get(HOSTS).await?.data.unwrap()["blog.example"], "blog");
    Ok(())
}

#[kipod::test(manifests("crds/*.yaml"), timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn controller_applies_changes_and_repairs_drift(
    client: Client,
    _controller: RunningController,
) -> anyhow::Result<()> {
    let sites: Api<Site> = Api::default_namespaced(client.clone());
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    sites.create(&PostParams::default(), &site("blog", "blog.example")).await?;
    wait::object(&sites, "blog", published()).await?;

    let merge = PatchParams::default();
    let new_host = json!({ "spec": { "host": "news.example" } });
    sites.patch("blog", &merge, &Patch::Merge(new_host)).await?;
    wait::object(&maps, HOSTS, data("news.example", Some("blog"))).await?;
    wait::object(&maps, HOSTS, data("blog.example", None)).await?;

    let drift = json!({ "data": { PAGE: "<h1>Buy!</h1>" } });
    maps.patch("blog", &merge, &Patch::Merge(drift)).await?;
    wait::object(&maps, "blog", data(PAGE, Some("<h1>Hello</h1>"))).await?;

    maps.delete("blog", &DeleteParams::default()).await?;
    wait::object(&maps, "blog", data(PAGE, Some("<h1>Hello</h1>"))).await?;
    Ok(())
}

#[kipod::test(manifests("crds/*.yaml"), timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn finalizer_releases_the_host(
    client: Client,
    controller: RunningController,
    account: ClientAs<Account>,
) -> anyhow::Result<()> {
    let sites: Api<Site> = Api::default_namespaced(client.clone());
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    for (name, host) in [("blog", "blog.example"), ("shop", "shop.example")] {
        sites.create(&PostParams::default(), &site(name, host)).await?;
        wait::object(&sites, name, published()).await?;
    }

    // Without a controller, the finalizer blocks the deletion.
    controller.0.abort();
    let _ = controller.0.await;
    sites.delete("blog", &DeleteParams::default()).await?;
    let blocked = sites.get("blog").await?;
    assert!(blocked.metadata.deletion_timestamp.is_some());
    assert_eq!(blocked.finalizers(), [FINALIZER]);
    assert_eq!(maps.get(HOSTS).await?.data.unwrap()["blog.example"], "blog");

    // A new controller releases the host and removes the finalizer.
    tokio::spawn(controller::run(account.client(), std::future::pending()));
    wait::object(&sites, "blog", wait::gone()).await?;
    let hosts = maps.get(HOSTS).await?.data.unwrap();
    assert_eq!(hosts.into_keys().collect::<Vec<_>>(), ["shop.example"]);
    wait::object(&maps, "blog", wait::gone()).await?;
    Ok(())
}

#[kipod::test(manifests("crds/*.yaml"), timeout = "2m")]
#[ignore = "creates a real cluster"]
async fn controller_rejects_a_used_host(
    client: Client,
    _controller: RunningController,
) -> anyhow::Result<()> {
    let sites: Api<Site> = Api::default_namespaced(client.clone());
    sites.create(&PostParams::default(), &site("first", "blog.example")).await?;
    wait::object(&sites, "first", published()).await?;
    sites.create(&PostParams::default(), &site("second", "blog.example")).await?;
    sites.create(&PostParams::default(), &site("third", "shop.example")).await?;
    wait::object(&sites, "third", published()).await?;
    assert_eq!(sites.get("second").await?.status, None);

    // The controller retries until the host has been released.
    sites.delete("first", &DeleteParams::default()).await?;
    wait::object(&sites, "second", published()).await?;
    Ok(())
}
