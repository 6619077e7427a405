//! Making a planned cluster real, and taking everything back when that fails.
//!
//! Creation is a straight line: take the name, plan, create, wait, write the kubeconfig. What it
//! makes carries the cluster's label, and the cluster's record is on disk before the first of it;
//! so there is one way back, [`crate::cluster::remove`], for a failure, an interruption, a kill and
//! `kipod delete cluster` alike.

mod addons;
mod cancel;
mod change_error;
mod create;
mod error;
mod images;
mod load;
mod nodes;
mod outside;
mod power;
mod progress;
mod ready;
mod registries;
mod service_address;
mod siblings;
mod surroundings;
#[cfg(test)]
mod tests;
mod watched;

pub use cancel::{Cancel, Canceller, cancellation};
pub use change_error::ChangeError;
pub use create::{Context, Request, create};
pub use error::CreateError;
pub use load::{ImageSource, ImagesError, LoadRequest, Loaded, LoadedImage, load_images};
pub use nodes::{AddRequest, add_node, finish_change, remove_node};
pub use power::{NodeAction, StartRequest, node, start, stop};
pub use progress::{Phase, phases};
pub use registries::{RegistryRequest, create_registry, delete_registry};
