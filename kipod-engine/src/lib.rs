//! Real Kubernetes clusters in rootless Podman containers: systemd, CRI-O and kubeadm inside.
//!
//! Data flows one way: a [`spec::ClusterSpec`] and what the machine is make a [`plan::Plan`],
//! [`run::create`] makes it real, and a [`cluster::Cluster`] is what one holds then.

mod addon;
mod blocking;
pub mod client;
pub mod cluster;
pub mod config;
mod dirs;
mod events;
pub mod host;
pub mod image;
pub mod kubeconfig;
pub mod kubernetes;
pub mod lease;
mod lines;
pub mod node;
pub mod pki;
pub mod plan;
pub mod podman;
pub mod prune;
pub mod registry;
pub mod run;
pub mod spec;
mod time_factor;
mod yaml;

pub use dirs::{Dirs, DirsError};
pub use events::{Event, Events, Step};
pub use time_factor::{TimeFactor, TimeFactorError, TimeFactorVariableError};
