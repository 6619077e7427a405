//! Waiting for a number of objects.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::IntoFuture;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::StreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::condition::State;
use super::tracker::{Tracker, WATCH_BACKOFF, WaitError, default_timeout};
use crate::background::thread;
use crate::engine_api::error_chain;

/// Waits until exactly `expected` objects match the label selector; an empty selector matches all
/// objects. Awaiting it returns the objects, sorted by name.
///
/// ```no_run
/// use kipod::k8s_openapi::api::core::v1::Pod;
/// use kipod::wait;
///
/// # async fn example(pods: kube::Api<Pod>) -> Result<(), wait::WaitError> {
/// let replicas = wait::count(&pods, "app=web", 3).await?;
/// assert_eq!(replicas.len(), 3);
/// # Ok(())
/// # }
/// ```
pub fn count<K>(api: &Api<K>, selector: &str, expected: usize) -> Count<K>
where
    K: Resource + Clone + Debug + Send + DeserializeOwned + 'static,
{
    Count {
        api: api.clone(),
        selector: selector.to_owned(),
        expected,
        timeout: default_timeout(),
        matches: Box::new(|_| true),
    }
}

/// A wait for a number of objects, from [`count`]. It starts when it is awaited.
///
/// ```no_run
/// use std::time::Duration;
///
/// use kipod::k8s_openapi::api::core::v1::Secret;
/// use kipod::wait::{self, Count};
///
/// # async fn example(secrets: kube::Api<Secret>) -> Result<(), wait::WaitError> {
/// let wait: Count<Secret> = wait::count(&secrets, "", 1);
/// let tls = |secret: &Secret| secret.type_.as_deref() == Some("kubernetes.io/tls");
/// wait.matching(tls).timeout(Duration::from_secs(10)).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "it does nothing unless it is awaited"]
pub struct Count<K> {
    api: Api<K>,
    selector: String,
    expected: usize,
    timeout: Duration,
    matches: Box<dyn Fn(&K) -> bool + Send + Sync>,
}

impl<K> Count<K> {
    /// Sets the timeout. `KIPOD_TIMEOUT_FACTOR` does not apply to it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Counts only objects for which `matches` returns `true`.
    pub fn matching(mut self, matches: impl Fn(&K) -> bool + Send + Sync + 'static) -> Self {
        self.matches = Box::new(matches);
        self
    }
}

impl<K> IntoFuture for Count<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + DeserializeOwned + 'static,
{
    type Output = Result<Vec<K>, WaitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Objects by namespace and name.
struct Store<K> {
    objects: BTreeMap<(Option<String>, String), K>,
    /// Objects of an initial list that is not complete yet.
    initial: BTreeMap<(Option<String>, String), K>,
}

impl<K: Resource> Store<K> {
    fn new() -> Self {
        Self { objects: BTreeMap::new(), initial: BTreeMap::new() }
    }

    /// Applies an event, and returns whether the objects are complete.
    fn apply(&mut self, event: Event<K>) -> bool {
        let key = |object: &K| (object.namespace(), object.name_any());
        match event {
            Event::Init => {
                self.initial.clear();
                return false;
            }
            Event::InitApply(object) => {
                self.initial.insert(key(&object), object);
                return false;
            }
            Event::InitDone => self.objects = std::mem::take(&mut self.initial),
            Event::Apply(object) => {
                self.objects.insert(key(&object), object);
            }
            Event::Delete(object) => {
                self.objects.remove(&key(&object));
            }
        }
        true
    }
}

impl<K> Count<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + DeserializeOwned + 'static,
{
    async fn run(self) -> Result<Vec<K>, WaitError> {
        let Self { api, selector, expected, timeout, matches } = self;
        let plural = K::plural(&()).to_string();
        let suffix = if selector.is_empty() { String::new() } else { format!(" with {selector}") };
        let tracker = Tracker::new(format!("{expected} {plural}{suffix}"));
        let watch = async {
            let config = watcher::Config::default().labels(&selector);
            let mut events = pin!(watcher(api, config));
            let mut store = Store::new();
            while let Some(event) = events.next().await {
                let complete = match event {
                    Ok(event) => store.apply(event),
                    Err(error) => {
                        tracker.record_error(&error_chain(&error));
                        tokio::time::sleep(WATCH_BACKOFF).await;
                        false
                    }
                };
                if complete && tracker.record(compare(&store, expected, &matches)) {
                    break;
                }
            }
            store.objects.into_values().filter(|object| matches(object)).collect()
        };
        let found = thread::timeout(timeout, watch).await;
        tracker.finish(found)
    }
}

/// Compares the number of matching objects with the expected one.
fn compare<K>(store: &Store<K>, expected: usize, matches: &impl Fn(&K) -> bool) -> State {
    let matching = store.objects.values().filter(|object| matches(object)).count();
    if matching == expected {
        return State::Met;
    }
    let names: Vec<&str> = store.objects.keys().map(|(_, name)| name.as_str()).collect();
    let colon = if names.is_empty() { "" } else { ": " };
    State::NotYet(format!("{matching} of {} match{colon}{}", names.len(), names.join(", ")))
}
