//! Cluster specifications: settings, defaults and validation.
//!
//! [`ClusterSpec::builder`] creates a [`ClusterSpec`] from typed values. The `config` module creates
//! one from a configuration file. Both return [`ValidationErrors`] with all errors at once.
//! Validation does not inspect the host: free ports and existing images are checked later.
//!
//! ```
//! use kipod_engine::spec::ClusterSpec;
//!
//! let spec = ClusterSpec::builder("dev").workers(2).build()?;
//! assert_eq!(spec.name.as_str(), "dev");
//! assert_eq!(spec.networking.pod_subnet.v4.to_string(), "10.244.0.0/16");
//!
//! let errors = ClusterSpec::builder("My Cluster").control_planes(2).build().unwrap_err();
//! assert_eq!(errors.iter().count(), 2);
//! # Ok::<(), kipod_engine::spec::ValidationErrors>(())
//! ```

mod builder;
mod check;
mod cluster;
mod dual_stack;
mod duration;
mod error;
mod image;
mod label;
mod location;
mod mount;
mod name;
mod networking;
mod node;
mod patch;
mod patch_fields;
mod problem;
mod proxy;
mod raw;
mod registry;
mod registry_auth;
mod resources;
mod subnet;

pub use crate::util::string_enum::UnknownName;
pub use builder::ClusterSpecBuilder;
pub use cluster::ClusterSpec;
#[doc(hidden)]
pub use cluster::DEFAULT_WAIT;
pub(crate) use dual_stack::comma_separated;
pub use dual_stack::{DualStack, IpFamily};
pub(crate) use duration::format_duration;
#[doc(hidden)]
pub use duration::{DurationError, parse_duration};
pub use error::{ValidationError, ValidationErrors};
pub use image::{ImageError, ImageReference};
pub(crate) use label::is_kubelet_label;
pub(crate) use location::Origin;
#[doc(hidden)]
pub use location::{Location, Position, RawValue};
pub use mount::{ExtraMount, ExtraPort, Propagation, Protocol};
pub use name::{ClusterName, NameError};
pub(crate) use networking::{
    ANY_ADDRESS, INTERNAL_HOST_ADDRESS, INTERNAL_NODE_ADDRESSES, NODE_POD_CIDR_LENGTHS,
};
pub use networking::{KubeProxyMode, Networking};
pub(crate) use node::MAX_NODES;
pub use node::NodeSpec;
pub use patch::KubeadmPatches;
#[doc(hidden)]
pub use patch::{JsonPatch, MergePatch, PatchTarget};
#[cfg(test)]
pub(crate) use patch_fields::unknown_fields;
pub use proxy::Proxy;
pub(crate) use proxy::{HOST_NAME, check_proxy};
#[doc(hidden)]
pub use raw::{
    RawJsonPatch, RawMount, RawNode, RawPatches, RawPort, RawProxy, RawRegistry, RawSpec,
};
#[doc(hidden)]
pub use registry::{FoundRegistries, LocalRegistry};
pub use registry::{Mirror, Registry};
#[doc(hidden)]
pub use registry_auth::{RegistryAuth, RegistryAuthError};
pub use resources::NodeResources;
pub(crate) use resources::{format_memory, format_milli_cpus};
pub use subnet::{Subnet, Subnet6, SubnetError};
