//! Real Kubernetes clusters in rootless Podman containers: systemd, CRI-O and kubeadm inside.
//!
//! Data flows one way: a [`spec::ClusterSpec`] and what the machine is make a [`plan::Plan`],
//! [`actions::create`] makes it real, and a [`engine::Cluster`] is what one holds then.

pub mod actions;
#[cfg(feature = "build")]
pub mod bundle;
pub mod cluster;
pub mod config;
mod engine;
mod events;
pub mod gc;
pub mod host;
pub mod kubeconfig;
pub mod kubernetes;
#[doc(hidden)]
pub mod lease;
pub mod node;
pub mod node_image;
#[doc(hidden)]
pub mod pki;
pub mod plan;
#[doc(hidden)]
pub mod podman;
pub mod registry;
pub mod spec;
mod util;

pub use engine::{
    AddNode, Cluster, CreateCluster, CreateRegistry, Engine, EngineBuilder, Error, NodeImageSource,
    StartCluster,
};
#[cfg(feature = "build")]
pub use engine::{BuildNodeImage, BuiltNodeImage};
pub use events::{Event, Events, Step};
pub use kubernetes::Role;
pub use podman::ContainerState;
pub use spec::{ClusterName, ClusterSpec};
pub use tokio_util::sync::CancellationToken;
pub use util::Hint;
pub use util::dirs::{Dirs, DirsError};
pub use util::timeout_factor::{TimeoutFactor, TimeoutFactorError, TimeoutFactorVariableError};
pub use util::timeouts::Timeouts;
