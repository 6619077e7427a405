//! What a user may ask for: the meaning of each key, its default, and what is wrong with a bad
//! value.
//!
//! [`RawSpec`] holds what was typed. [`RawSpec::check`] turns it into a [`ClusterSpec`], in which
//! every value is known to be good, or into [`Faults`], which is all that is wrong with it at once.
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
mod name;
mod networking;
mod node;
mod raw;
mod subnet;

pub use cluster::{ClusterSpec, DEFAULT_WAIT};
pub use duration::{DurationError, parse_duration};
pub use fault::{Fault, Faults};
pub use image::{ImageError, ImageReference};
pub use name::{ClusterName, NameError};
pub use networking::{INTERNAL_NODE_ADDRESS, NODE_POD_LENGTH, Networking};
pub use node::{MAX_NODES, NodeSpec, Role};
pub use raw::{RawNode, RawSpec};
pub use subnet::{Subnet, SubnetError};
