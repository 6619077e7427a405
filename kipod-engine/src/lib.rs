//! Real Kubernetes clusters in rootless Podman containers, with systemd, CRI-O and kubeadm inside.
//!
//! An [`Engine`] is the front door. It finds Podman, checks the host, chooses or builds the node image, and
//! creates, opens and deletes clusters. A [`Cluster`] is the handle of an existing cluster.
//!
//! ```no_run
//! use kipod_engine::{ClusterSpec, Engine, Role};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::connect().await?;
//! let spec = ClusterSpec::builder("demo").workers(2).kubernetes("1.36".parse()?).build()?;
//! let cluster = engine.create(spec).await?;
//!
//! let node = cluster.add_node(Role::Worker).await?;
//! let version = cluster.client().await?.apiserver_version().await?;
//! println!("{node} joined a cluster of Kubernetes {}", version.git_version);
//!
//! cluster.delete().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The library prints nothing: progress and warnings are [`Event`]s, and each step is a `tracing` span. Work is
//! cancelled with a [`CancellationToken`] and removes what it created. Every error has a [`Hint`] where there
//! is a remedy.
//!
//! # Features
//!
//! - `cli` (default): the `kipod` command. Use the library with `default-features = false`, and choose the
//!   Kubernetes version of `k8s-openapi` yourself.
//! - `build`: building node images from component bundles.

#[doc(hidden)]
pub mod actions;
#[cfg(feature = "build")]
#[doc(hidden)]
pub mod bundle;
#[doc(hidden)]
pub mod cluster;
#[doc(hidden)]
pub mod config;
mod engine;
mod events;
#[doc(hidden)]
pub mod gc;
#[doc(hidden)]
pub mod host;
#[doc(hidden)]
pub mod kubeconfig;
pub mod kubernetes;
#[doc(hidden)]
pub mod lease;
#[doc(hidden)]
pub mod node;
#[doc(hidden)]
pub mod node_image;
#[doc(hidden)]
pub mod pki;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod podman;
#[doc(hidden)]
pub mod registry;
pub mod spec;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
mod util;

pub use actions::{ChangeError, CreateError, ImagesError, Loaded, LoadedImage};
#[cfg(feature = "build")]
pub use bundle::{BundleError, VersionRequest};
pub use cluster::{
    ClusterDetails, ClusterState, ClusterSummary, ExportError, InternalKubeconfigError, LogsError,
    NodeSummary, OpenError, RecordError, RemoveError,
};
pub use engine::{
    AddNode, Cluster, CreateCluster, CreateRegistry, Engine, EngineBuilder, Error, NodeImageSource,
    StartCluster,
};
#[cfg(feature = "build")]
pub use engine::{BuildNodeImage, BuiltNodeImage};
pub use events::{Event, Events, Step};
pub use gc::{PruneError, Pruned};
pub use host::{Finding, Report, Status, Unusable, Verdict};
pub use kubeconfig::{KubeconfigError, UserKubeconfig};
pub use kubernetes::{Role, Version};
#[cfg(feature = "build")]
pub use node_image::BuildError;
pub use node_image::NodeImageError;
pub use podman::{ContainerState, ExecOutput, PodmanError};
pub use registry::{RegistryError, RegistryName, RegistrySummary};
pub use spec::{ClusterName, ClusterSpec};
pub use tokio_util::sync::CancellationToken;
pub use util::Hint;
#[doc(hidden)]
pub use util::bounded;
pub use util::dirs::{Dirs, DirsError};
#[doc(hidden)]
pub use util::text::error_chain;
pub use util::timeout_factor::{TimeoutFactor, TimeoutFactorError};
#[doc(hidden)]
pub use util::timeouts::Timeouts;
#[doc(hidden)]
pub use util::variable;
