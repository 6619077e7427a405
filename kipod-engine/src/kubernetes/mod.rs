//! Kubernetes versions: parsing, supported versions, version skew and settings per version; and node roles.

mod role;
mod settings;
mod skew;
mod version;

pub use role::Role;
pub(crate) use settings::Settings;
#[doc(hidden)]
pub use skew::{SkewError, check_skew};
pub use version::{Version, VersionError};
