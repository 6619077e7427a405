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

use super::{PAUSE, Progress, State, WaitError, default_limit};
use crate::error::chain;
use crate::helper;

/// Waits until exactly `wanted` objects have the labels `selector`; with an empty selector, until
/// there are `wanted` objects. Await it; it answers with the objects, by name.
pub fn count<K>(api: &Api<K>, selector: &str, wanted: usize) -> Count<K>
where
    K: Resource + Clone + Debug + Send + DeserializeOwned + 'static,
{
    Count {
        api: api.clone(),
        selector: selector.to_owned(),
        wanted,
        limit: default_limit(),
        matches: Box::new(|_| true),
    }
}

/// A wait for a number of objects that has not begun.
#[must_use = "it waits when it is awaited"]
pub struct Count<K> {
    api: Api<K>,
    selector: String,
    wanted: usize,
    limit: Duration,
    matches: Box<dyn Fn(&K) -> bool + Send + Sync>,
}

impl<K> Count<K> {
    /// Waits at most that long.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Counts only objects that `matches` holds for.
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

impl<K> Count<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + DeserializeOwned + 'static,
{
    async fn run(self) -> Result<Vec<K>, WaitError> {
        let Self { api, selector, wanted, limit, matches } = self;
        let plural = K::plural(&()).to_string();
        let of = if selector.is_empty() { String::new() } else { format!(" with {selector}") };
        let progress = Progress::new(format!("{wanted} {plural}{of}"));
        let watch = async {
            let config = watcher::Config::default().labels(&selector);
            let mut events = pin!(watcher(api, config));
            let mut seen: BTreeMap<(Option<String>, String), K> = BTreeMap::new();
            let mut next: BTreeMap<(Option<String>, String), K> = BTreeMap::new();
            let key = |object: &K| (object.namespace(), object.name_any());
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Init) => {
                        next.clear();
                        continue;
                    }
                    Ok(Event::InitApply(object)) => {
                        next.insert(key(&object), object);
                        continue;
                    }
                    Ok(Event::InitDone) => seen = std::mem::take(&mut next),
                    Ok(Event::Apply(object)) => {
                        seen.insert(key(&object), object);
                    }
                    Ok(Event::Delete(object)) => {
                        seen.remove(&key(&object));
                    }
                    Err(error) => {
                        progress.stumble(&chain(&error));
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                }
                let there = seen.values().filter(|object| matches(object)).count();
                let names: Vec<&str> = seen.keys().map(|(_, name)| name.as_str()).collect();
                let state = match there == wanted {
                    true => State::Met,
                    false => State::NotYet(format!(
                        "{there} match of {}: {}",
                        seen.len(),
                        names.join(", ")
                    )),
                };
                if progress.see(state) {
                    break;
                }
            }
            seen.into_values().filter(|object| matches(object)).collect()
        };
        let found = helper::within(limit, watch).await;
        progress.end(found)
    }
}
