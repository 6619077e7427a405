//! Making a planned cluster real, and taking everything back when that fails.
//!
//! Creation is a straight line: take the name, plan, create, wait, write the kubeconfig. What it
//! makes carries the cluster's label, and the cluster's record is on disk before the first of it;
//! so there is one way back, [`crate::cluster::remove`], for a failure, an interruption, a kill and
//! `kipod delete cluster` alike.

mod cancel;
mod create;
mod error;
mod images;
mod outside;
mod progress;
mod ready;
#[cfg(test)]
mod tests;

pub use cancel::{Cancel, Canceller, cancellation};
pub use create::{Context, Request, create};
pub use error::CreateError;
pub use progress::{Phase, phases};
