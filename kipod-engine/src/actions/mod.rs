//! Operations on clusters: creation, node changes, image loading, start and stop, registries.
//!
//! Everything created carries the cluster's label, and the cluster's record is written first. So
//! [`crate::cluster::remove`] is the rollback of a failed, cancelled or killed creation, and the
//! implementation of `kipod delete cluster`.

mod apply;
mod ca_certificates;
mod change_error;
mod context;
mod create;
mod devices;
mod failure_log;
mod load;
mod log_lines;
mod node_failure;
mod node_images;
mod nodes;
mod port_conflicts;
mod power;
mod registries;
mod registry_auth;
mod restarted_nodes;
mod start_node;
#[cfg(test)]
mod tests;
mod wait;
mod wait_target;

pub use change_error::ChangeError;
pub use context::Context;
pub use create::{CreateError, Request, check_environment, create};
pub use failure_log::FailureReport;
pub use load::{ImageSource, ImagesError, LoadRequest, Loaded, LoadedImage, load_images};
pub use nodes::{AddRequest, add_node, finish_change, remove_node};
pub use power::{NodeAction, StartRequest, node, start, stop};
pub use registries::{RegistryRequest, create_registry, delete_registry};
