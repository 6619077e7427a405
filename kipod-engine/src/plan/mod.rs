//! The plan of a cluster: names, addresses, ports, container options and files.
//!
//! The plan is complete before anything is created. This module is pure: no I/O, no clock, no
//! randomness.

mod addresses;
mod choices;
mod cluster;
mod container;
mod context;
mod identity;
mod image_hold;
mod load_balancer;
mod machine;
mod mounts_and_ports;
mod names;
mod patches;
mod proxy;
mod resources;
mod routes;
mod service_address;
#[cfg(test)]
mod tests;

pub use crate::util::labels::{self as label, LOAD_BALANCER};
pub use addresses::choose_node_subnet;
pub(crate) use addresses::{first_address, gateway, subnets_of};
pub use choices::Choices;
pub use cluster::{Plan, plan};
pub use container::NodePlan;
pub(crate) use container::host_store;
pub use context::PlanContext;
pub use identity::{NodeIdentity, identities, next_identity, node_network};
pub use image_hold::{held_prefix, holding_cluster, image_hold};
pub use load_balancer::{balancer_files, has_balancer, load_balancer_addresses};
pub use machine::Machine;
pub use names::{control_plane_name, load_balancer_name, node_names};
pub use patches::{PatchCheckError, check_patches};
pub use resources::{image_store, labels, status_dir};
pub use routes::routes_file;
pub use service_address::{NODE_PORTS, ServiceAddress, UDP_NODE_PORTS};
