//! How a test ended.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::{ExitCode, Termination};
use std::task::Poll;
use std::time::Duration;

use super::body::Body;
use crate::error::SetupError;
use crate::helper;
use crate::site::TestSite;
use crate::waiting;

/// How a test ended.
pub(super) enum Outcome {
    /// It returned; what it returned has been printed if it was an error.
    Returned(ExitCode),
    /// It panicked; the panic has been printed.
    Panicked(Box<dyn Any + Send>),
    /// Its time was up.
    TimedOut { limit: Duration, waiting: Vec<String> },
    /// An argument could not be made.
    NotBegun(SetupError),
}

impl Outcome {
    /// Whether the test failed.
    pub(super) fn is_failure(&self, site: &TestSite) -> bool {
        match (self, site.should_panic) {
            (Self::Returned(code), None) => *code != ExitCode::SUCCESS,
            (Self::Panicked(_), None) | (Self::Returned(_), Some(_)) => true,
            (Self::Panicked(payload), Some(wanted)) => match wanted.expected {
                None => false,
                Some(expected) => !message(payload.as_ref()).is_some_and(|m| m.contains(expected)),
            },
            (Self::TimedOut { .. } | Self::NotBegun(_), _) => true,
        }
    }

    /// What has to be said about it, where nobody has said it yet.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Self::Returned(_) | Self::Panicked(_) => None,
            Self::NotBegun(error) => Some(error.to_string()),
            Self::TimedOut { limit, waiting } => {
                let mut text = format!("the test's time is up after {limit:?}");
                if !waiting.is_empty() {
                    text.push_str("; it was still waiting for:");
                }
                for one in waiting {
                    text.push_str("\n  ");
                    text.push_str(&one.replace('\n', "\n    "));
                }
                Some(text)
            }
        }
    }
}

fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&'static str>().copied())
}

/// Runs a body on the current runtime until it ends or its time is up.
pub(super) async fn judge<R: Termination>(
    _site: TestSite,
    limit: Option<Duration>,
    body: impl FnOnce() -> Body<R>,
) -> Outcome {
    let caught = catch_unwind(AssertUnwindSafe(body));
    let mut body = match caught {
        Ok(body) => body.0,
        Err(payload) => return Outcome::Panicked(payload),
    };
    let mut alarm = limit.map(helper::alarm);
    let mut body = pin!(poll_fn(move |context| {
        // What the panic left half done is never polled again.
        match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(value))) => Poll::Ready(match report(value) {
                Ok(code) => Outcome::Returned(code),
                Err(payload) => Outcome::Panicked(payload),
            }),
            Ok(Poll::Ready(Err(unmade))) => Poll::Ready(Outcome::NotBegun(unmade.0)),
            Err(payload) => Poll::Ready(Outcome::Panicked(payload)),
        }
    }));
    poll_fn(move |context| {
        if let Poll::Ready(outcome) = body.as_mut().poll(context) {
            return Poll::Ready(outcome);
        }
        match (&mut alarm, limit) {
            (Some(alarm), Some(limit)) => std::pin::Pin::new(alarm)
                .poll(context)
                .map(|_| Outcome::TimedOut { limit, waiting: waiting::of_this_runtime() }),
            _ => Poll::Pending,
        }
    })
    .await
}

/// Prints an error as the standard test harness does.
fn report<R: Termination>(value: R) -> Result<ExitCode, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| value.report()))
}
