//! Node images: references, lookup, build, and image stores.

mod addon_images;
#[cfg(feature = "build")]
mod build;
#[cfg(feature = "build")]
mod build_error;
mod error;
#[cfg(feature = "build")]
mod files;
mod info;
mod inspect;
mod layout;
mod reference;
#[cfg(feature = "build")]
mod store;
mod unused;

pub(crate) use addon_images::names_and_ids;
#[cfg(feature = "build")]
pub use build::BuiltNodeImage;
#[cfg(feature = "build")]
#[doc(hidden)]
pub use build::{NodeImageOptions, build_node_image};
#[cfg(feature = "build")]
pub use build_error::BuildError;
pub use error::NodeImageError;
#[doc(hidden)]
pub use info::label;
pub use info::{DEFAULT_IMAGE, NodeImage};
#[doc(hidden)]
pub use inspect::node_image;
pub use reference::DEFAULT_NAME;
#[doc(hidden)]
pub use reference::{newest_of_version, version_tag};
#[cfg(feature = "build")]
pub use store::StoreError;
pub(crate) use unused::unused_stores;
