//! The outcome of a test.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::process::{ExitCode, Termination};
use std::task::Poll;
use std::time::Duration;

use super::body::Body;
use super::error::SetupError;
use crate::background::thread;
use crate::engine_api::error_chain;
use crate::site::TestSite;
use crate::wait::pending;

/// The outcome of a test.
pub(super) enum Outcome {
    /// The body returned; an error has been printed.
    Returned(ExitCode),
    /// The body panicked; the message has been printed.
    Panicked(Box<dyn Any + Send>),
    /// The test reached its timeout.
    TimedOut { timeout: Duration, pending: Vec<String> },
    /// An argument could not be created.
    NoArgument(SetupError),
}

impl Outcome {
    /// Returns whether the test failed.
    pub(super) fn is_failure(&self, site: &TestSite) -> bool {
        match (self, site.should_panic) {
            (Self::Returned(code), None) => *code != ExitCode::SUCCESS,
            (Self::Panicked(_), None) | (Self::Returned(_), Some(_)) => true,
            (Self::Panicked(payload), Some(should_panic)) => match should_panic.expected {
                None => false,
                Some(expected) => {
                    !panic_message(payload.as_ref()).is_some_and(|m| m.contains(expected))
                }
            },
            (Self::TimedOut { .. } | Self::NoArgument(_), _) => true,
        }
    }

    /// Returns a message for the user if none has been printed yet.
    pub(super) fn message(&self) -> Option<String> {
        match self {
            Self::Returned(_) | Self::Panicked(_) => None,
            Self::NoArgument(error) => Some(error_chain(error)),
            Self::TimedOut { timeout, pending } => {
                let mut text = format!("test timed out after {timeout:?}");
                if !pending.is_empty() {
                    text.push_str(" while waiting for:");
                }
                for wait in pending {
                    text.push_str("\n  ");
                    text.push_str(&wait.replace('\n', "\n    "));
                }
                Some(text)
            }
        }
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&'static str>().copied())
}

/// Runs a body on the current runtime until it ends or reaches the timeout.
pub(super) async fn execute<R: Termination>(
    timeout: Option<Duration>,
    body: impl FnOnce() -> Body<R>,
) -> Outcome {
    let mut body = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(body) => body.0,
        Err(payload) => return Outcome::Panicked(payload),
    };
    let mut timer = timeout.map(thread::timer);
    let mut body = pin!(poll_fn(move |context| {
        // A future that has panicked is not polled again.
        match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(value))) => Poll::Ready(match report(value) {
                Ok(code) => Outcome::Returned(code),
                Err(payload) => Outcome::Panicked(payload),
            }),
            Ok(Poll::Ready(Err(error))) => Poll::Ready(Outcome::NoArgument(error.0)),
            Err(payload) => Poll::Ready(Outcome::Panicked(payload)),
        }
    }));
    poll_fn(move |context| {
        if let Poll::Ready(outcome) = body.as_mut().poll(context) {
            return Poll::Ready(outcome);
        }
        match (&mut timer, timeout) {
            (Some(timer), Some(timeout)) => Pin::new(timer)
                .poll(context)
                .map(|_| Outcome::TimedOut { timeout, pending: pending::descriptions() }),
            _ => Poll::Pending,
        }
    })
    .await
}

/// Converts the result of a body, and prints an error as libtest does.
fn report<R: Termination>(value: R) -> Result<ExitCode, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| value.report()))
}
