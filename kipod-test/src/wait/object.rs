//! Waiting for one object.

use std::fmt::Debug;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use super::condition::{Condition, exists};
use super::tracker::{Tracker, WATCH_BACKOFF, WaitError, default_timeout};
use crate::background::thread;
use crate::engine_api::error_chain;

/// Waits until an object meets a condition. The object need not exist yet. Awaiting it returns the
/// object, or `None` if the condition is met because there is no object.
///
/// ```no_run
/// use kipod::k8s_openapi::api::core::v1::Pod;
/// use kipod::wait;
///
/// # async fn example(pods: kube::Api<Pod>) -> Result<(), wait::WaitError> {
/// let pod = wait::object(&pods, "web", wait::pod_ready()).await?;
/// assert!(pod.is_some());
/// # Ok(())
/// # }
/// ```
pub fn object<K>(api: &Api<K>, name: &str, condition: Condition<K>) -> Wait<K>
where
    K: Resource + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let kind = std::any::type_name::<K>().rsplit("::").next().unwrap_or("object");
    Wait::new(api.clone(), kind, name, condition)
}

/// Waits until an object of a type that is known at run time only meets a condition. `namespace` is
/// `None` for cluster-scoped objects.
pub(crate) fn dynamic_object(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
    name: &str,
    condition: Condition<DynamicObject>,
) -> Wait<DynamicObject> {
    let api = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    Wait::new(api, &resource.kind, name, condition)
}

/// Waits until a namespace has its default ServiceAccount, which pods require. The namespace of a
/// test has it before the test begins.
///
/// ```no_run
/// # async fn example(client: kube::Client) -> Result<(), kipod::wait::WaitError> {
/// kipod::wait::default_service_account(&client, "other").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the ServiceAccount is not created in time.
pub async fn default_service_account(client: &Client, namespace: &str) -> Result<(), WaitError> {
    let resource = ApiResource::erase::<ServiceAccount>(&());
    dynamic_object(client, &resource, Some(namespace), "default", exists()).await.map(drop)
}

/// A wait for one object, from [`object`]. It starts when it is awaited.
///
/// ```no_run
/// use std::time::Duration;
///
/// use kipod::k8s_openapi::api::batch::v1::Job;
/// use kipod::wait::{self, Wait};
///
/// # async fn example(jobs: kube::Api<Job>) -> Result<(), wait::WaitError> {
/// let wait: Wait<Job> = wait::object(&jobs, "migration", wait::job_done());
/// wait.timeout(Duration::from_secs(300)).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "it does nothing unless it is awaited"]
pub struct Wait<K> {
    api: Api<K>,
    name: String,
    condition: Condition<K>,
    timeout: Duration,
    what: String,
}

impl<K> Wait<K> {
    fn new(api: Api<K>, kind: &str, name: &str, condition: Condition<K>) -> Self {
        let what = format!("{}/{name}: {}", kind.to_lowercase(), condition.what());
        Self { api, name: name.to_owned(), condition, timeout: default_timeout(), what }
    }

    /// Sets the timeout. `KIPOD_TIMEOUT_FACTOR` does not apply to it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<K> IntoFuture for Wait<K>
where
    K: Resource + Clone + Debug + Send + Sync + DeserializeOwned + 'static,
{
    type Output = Result<Option<K>, WaitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<K> Wait<K>
where
    K: Resource + Clone + Debug + Send + Sync + DeserializeOwned + 'static,
{
    async fn run(self) -> Result<Option<K>, WaitError> {
        let Self { api, name, condition, timeout, what } = self;
        let tracker = Tracker::new(what);
        let watch = async {
            loop {
                let check = |object: Option<&K>| tracker.record(condition.check(object));
                match await_condition(api.clone(), &name, check).await {
                    Ok(object) => return object,
                    Err(error) => tracker.record_error(&error_chain(&error)),
                }
                tokio::time::sleep(WATCH_BACKOFF).await;
            }
        };
        let found = thread::timeout(timeout, watch).await;
        tracker.finish(found)
    }
}
