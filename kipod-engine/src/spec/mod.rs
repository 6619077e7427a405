//! What a user may ask for: the meaning of each key, its default, and what is wrong with a bad
//! value.
//!
//! [`RawSpec`] holds what was typed, or stands in a file. [`RawSpec::check`] turns it into a [`ClusterSpec`], in which
//! every value is known to be good, or into [`ValidationErrors`], which is all that is wrong with it at once.
//! Nothing here asks the host anything: whether a port is free or an image exists is found out
//! later, by others.
//!
//! ```
//! use kipod_engine::spec::RawSpec;
//!
//! let spec = RawSpec::default().check().unwrap();
//! assert_eq!(spec.name.as_str(), "kipod");
//! assert_eq!(spec.networking.pod_subnet.to_string(), "10.244.0.0/16");
//!
//! let raw = RawSpec {
//!     name: Some("My Cluster".into()),
//!     wait: Some("soon".into()),
//!     ..RawSpec::default()
//! };
//! assert_eq!(raw.check().unwrap_err().iter().count(), 2);
//! ```

mod check;
mod cluster;
mod duration;
mod fault;
mod image;
mod mount;
mod name;
mod networking;
mod node;
mod patch;
mod raw;
mod registry;
mod registry_auth;
mod subnet;
mod subnet6;
mod written;

pub use cluster::{ClusterSpec, DEFAULT_WAIT};
pub(crate) use duration::format_duration;
pub use duration::{DurationError, parse_duration};
pub use fault::{ValidationError, ValidationErrors};
pub use image::{ImageError, ImageReference};
pub use mount::{ExtraMount, ExtraPort, Propagation, Protocol};
pub use name::{ClusterName, NameError};
pub(crate) use networking::listed;
pub use networking::{
    INTERNAL_NODE_ADDRESS, INTERNAL_NODE_ADDRESS6, IpFamily, KubeProxyMode, NODE_POD_LENGTH,
    NODE_POD_LENGTH6, Networking,
};
pub use node::{MAX_NODES, NodeSpec};
pub use patch::{JsonPatch, KubeadmPatches, MergePatch, PatchTarget};
pub use raw::{RawJsonPatch, RawMount, RawNode, RawPatches, RawPort, RawRegistry, RawSpec};
pub use registry::{FoundRegistries, LocalRegistry, Mirror, Registry};
pub use registry_auth::RegistryAuth;
pub use subnet::{Subnet, SubnetError};
pub use subnet6::Subnet6;
pub use written::{Place, Position, Written};
