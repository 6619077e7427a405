//! Common parts of all waits: the timeout, the last observed state and the error.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::condition::State;
use super::pending::PendingWait;
use crate::settings::scaled;

/// Default timeout of a wait: one minute, multiplied by `KIPOD_TIMEOUT_FACTOR`. Pulling an image
/// takes up to most of it; everything else takes seconds in a cluster with one node.
///
/// ```no_run
/// use kipod::k8s_openapi::api::core::v1::Pod;
/// use kipod::wait;
///
/// # async fn example(pods: kube::Api<Pod>) -> Result<(), wait::WaitError> {
/// wait::object(&pods, "web", wait::pod_ready()).timeout(wait::DEFAULT_TIMEOUT * 2).await?;
/// # Ok(())
/// # }
/// ```
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Backoff before a failed watch is restarted.
pub(super) const WATCH_BACKOFF: Duration = Duration::from_millis(200);

/// Returns the default timeout on this host.
pub(super) fn default_timeout() -> Duration {
    scaled(DEFAULT_TIMEOUT)
}

/// An error of a wait: the condition was not met.
///
/// ```no_run
/// use std::time::Duration;
///
/// use kipod::k8s_openapi::api::core::v1::ConfigMap;
/// use kipod::wait::{self, WaitError};
///
/// # async fn example(maps: kube::Api<ConfigMap>) {
/// let wait = wait::object(&maps, "missing", wait::exists()).timeout(Duration::from_secs(1));
/// let error = wait.await.unwrap_err();
/// assert!(matches!(error, WaitError::Timeout { .. }));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The condition was not met in time.
    #[error("timed out after {:.1}s waiting for {what}; last state: {last}", .waited.as_secs_f32())]
    Timeout {
        /// The object and the condition, as `deployment/web: rolled out`.
        what: String,
        /// The last observed state.
        last: String,
        /// The elapsed time.
        waited: Duration,
    },
    /// The condition can no longer be met.
    #[error("failed waiting for {what}: {why}")]
    Never {
        /// The object and the condition.
        what: String,
        /// The reason.
        why: String,
    },
}

/// The observations of one wait.
pub(super) struct Tracker {
    what: String,
    pending: PendingWait,
    started: Instant,
    last: Mutex<State>,
}

impl Tracker {
    pub(super) fn new(what: String) -> Self {
        let pending = PendingWait::new(what.clone());
        let last = Mutex::new(State::NotYet("not observed".to_owned()));
        Self { what, pending, started: Instant::now(), last }
    }

    /// Records a state, and returns whether it ends the wait.
    pub(super) fn record(&self, state: State) -> bool {
        let ends = !matches!(state, State::NotYet(_));
        if let State::NotYet(why) = &state {
            self.pending.set(format!("{} ({why})", self.what));
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = state;
        ends
    }

    /// Records an error of the watch.
    pub(super) fn record_error(&self, error: &str) {
        self.record(State::NotYet(error.to_owned()));
    }

    /// Returns the result of the wait; `found` is `None` on timeout.
    pub(super) fn finish<T>(self, found: Option<T>) -> Result<T, WaitError> {
        let last = self.last.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (what, waited) = (self.what, self.started.elapsed());
        match (found, last) {
            (_, State::Never(why)) => Err(WaitError::Never { what, why }),
            (Some(found), _) => Ok(found),
            (None, State::NotYet(last)) => Err(WaitError::Timeout { what, last, waited }),
            (None, State::Met) => {
                let last = "met, but after the timeout".to_owned();
                Err(WaitError::Timeout { what, last, waited })
            }
        }
    }
}
