//! Node images: what they are made of, how they are built, and what is known of one that is there.

mod addon_images;
#[cfg(feature = "build")]
mod build;
#[cfg(feature = "build")]
pub mod bundle;
pub(crate) mod cluster_store;
mod node_image;
#[cfg(feature = "build")]
mod store;
mod unused;
mod version;

#[cfg(feature = "build")]
pub use build::{BuildError, Built, NodeImageOptions, build_node_image};
#[cfg(any(test, feature = "testing"))]
pub(crate) use node_image::architecture;
pub use node_image::{DEFAULT_IMAGE, NodeImage, NodeImageError, label, node_image};
#[cfg(feature = "build")]
pub use store::StoreError;
pub(crate) use unused::unused_stores;
pub use version::{DEFAULT_NAME, of_version, tag};
