//! Waiting until something in the cluster is so, by watching it and without sleeping.
//!
//! Every wait has a limit, [`DEFAULT_LIMIT`] unless [`limit`](Wait::limit) sets another, and an
//! error that says what was waited for and how far it was. A test whose own time is up says what it
//! was waiting for, too.
//!
//! ```no_run
//! # mod tests {
//! use std::time::Duration;
//!
//! use kipod::k8s_openapi::api::apps::v1::Deployment;
//! use kipod::k8s_openapi::api::core::v1::Pod;
//! use kipod::wait;
//! use kube::{Api, Client};
//!
//! #[kipod::test]
//! async fn web_comes_up(client: Client) -> Result<(), wait::WaitError> {
//!     let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
//!     wait::object(&deployments, "web", wait::rolled_out()).limit(Duration::from_secs(30)).await?;
//!     let pods: Api<Pod> = Api::default_namespaced(client);
//!     wait::count(&pods, "app=web", 3).await?;
//!     wait::object(&pods, "migration", wait::gone()).await?;
//!     Ok(())
//! }
//! # }
//! ```

mod condition;
mod count;
mod rollout;

use std::fmt::Debug;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

pub use condition::{
    Condition, State, condition_true, crd_established, exists, gone, job_done, pod_ready,
};
pub use count::{Count, count};
pub use rollout::{Rollout, rolled_out};

use crate::error::chain;
use crate::helper;
use crate::settings::stretched;
use crate::waiting::Waiting;

/// How long a wait takes at most, unless told: one minute, times `KIPOD_TIMEOUT_FACTOR` on a slow machine.
/// An image that has to be pulled takes most of that; everything else in a cluster of one node takes
/// seconds.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// The same on this machine.
fn default_limit() -> Duration {
    stretched(DEFAULT_LIMIT)
}

/// How long a watch that broke off is left alone before it is begun anew.
const PAUSE: Duration = Duration::from_millis(200);

/// Something did not come to be so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// Its time was up.
    #[error("gave up after {:.1} s waiting for {what}; the last was: {last}", .waited.as_secs_f32())]
    Timeout {
        /// What was waited for, as `deployment web: rolled out`.
        what: String,
        /// How far it was.
        last: String,
        /// How long was waited.
        waited: Duration,
    },
    /// It can never be so any more.
    #[error("waiting for {what}: {why}")]
    Never {
        /// What was waited for.
        what: String,
        /// Why it cannot be.
        why: String,
    },
}

/// Waits until a condition holds for one object, which need not be there yet. Await it; it answers
/// with the object, or `None` where the condition holds because there is none.
pub fn object<K>(api: &Api<K>, name: &str, condition: Condition<K>) -> Wait<K>
where
    K: Resource + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let kind = std::any::type_name::<K>().rsplit("::").next().unwrap_or("object").to_lowercase();
    let what = format!("{kind} {name}: {}", condition.what());
    Wait { api: api.clone(), name: name.to_owned(), condition, limit: default_limit(), what }
}

/// Waits until a namespace has its default ServiceAccount, without which no pod can be created in
/// it. A test's own namespace has it before the test begins.
///
/// # Errors
///
/// When it does not come about.
pub async fn default_service_account(client: &Client, namespace: &str) -> Result<(), WaitError> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    object(&accounts, "default", exists()).await.map(drop)
}

/// A wait that has not begun.
#[must_use = "it waits when it is awaited"]
pub struct Wait<K> {
    api: Api<K>,
    name: String,
    condition: Condition<K>,
    limit: Duration,
    what: String,
}

impl<K> Wait<K> {
    /// Waits at most that long, on a slow machine too.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
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
        let Self { api, name, condition, limit, what } = self;
        let progress = Progress::new(what);
        let watch = async {
            loop {
                let seen = |object: Option<&K>| progress.see(condition.check(object));
                match await_condition(api.clone(), &name, seen).await {
                    Ok(object) => return object,
                    Err(error) => progress.stumble(&chain(&error)),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let found = helper::within(limit, watch).await;
        progress.end(found)
    }
}

/// What has been seen of something that is waited for.
struct Progress {
    what: String,
    waiting: Waiting,
    began: Instant,
    last: Mutex<State>,
}

impl Progress {
    fn new(what: String) -> Self {
        let waiting = Waiting::new(what.clone());
        let last = Mutex::new(State::NotYet("nothing was seen of it".to_owned()));
        Self { what, waiting, began: Instant::now(), last }
    }

    /// Notes a state, and says whether it is the end of the wait.
    fn see(&self, state: State) -> bool {
        let ends = !matches!(state, State::NotYet(_));
        if let State::NotYet(why) = &state {
            self.waiting.set(format!("{} ({why})", self.what));
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = state;
        ends
    }

    /// Notes that the cluster did not answer.
    fn stumble(&self, why: &str) {
        self.see(State::NotYet(why.to_owned()));
    }

    /// The end of the wait: what was found, or `None` where the time was up.
    fn end<T>(self, found: Option<T>) -> Result<T, WaitError> {
        let last = self.last.into_inner().unwrap_or_else(PoisonError::into_inner);
        let what = self.what;
        match (found, last) {
            (_, State::Never(why)) => Err(WaitError::Never { what, why }),
            (Some(found), _) => Ok(found),
            (None, State::NotYet(last)) => {
                Err(WaitError::Timeout { what, last, waited: self.began.elapsed() })
            }
            (None, State::Met) => {
                let last = "it was so, too late".to_owned();
                Err(WaitError::Timeout { what, last, waited: self.began.elapsed() })
            }
        }
    }
}
