//! Making a planned cluster real, and taking everything back when that fails.
//!
//! Creation is a straight line: take the name, plan, create, wait, write the kubeconfig. What it
//! makes carries the cluster's label, and the cluster's record is on disk before the first of it;
//! so there is one way back, [`crate::cluster::remove`], for a failure, an interruption, a kill and
//! `kipod delete cluster` alike.

mod change_error;
mod create;
mod load;
mod nodes;
mod power;
mod registries;
#[cfg(test)]
mod tests;
mod wait;
mod wait_target;

pub use crate::cluster::phases::{Phase, phases};
pub use change_error::ChangeError;
pub use create::{Context, CreateError, Request, create};
pub use load::{ImageSource, ImagesError, LoadRequest, Loaded, LoadedImage, load_images};
pub use nodes::{AddRequest, add_node, finish_change, remove_node};
pub use power::{NodeAction, StartRequest, node, start, stop};
pub use registries::{RegistryRequest, create_registry, delete_registry};
