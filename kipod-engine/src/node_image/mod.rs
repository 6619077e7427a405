//! Node images: what they are made of, how they are built, and what is known of one that is there.

mod addon_images;
#[cfg(feature = "build")]
mod build;
mod inspect;
mod reference;
#[cfg(feature = "build")]
mod store;
mod unused;

#[cfg(feature = "build")]
pub use build::{BuildError, Built, NodeImageOptions, build_node_image};
pub use inspect::{DEFAULT_IMAGE, NodeImage, NodeImageError, label, node_image};
pub use reference::{DEFAULT_NAME, of_version, tag};
#[cfg(feature = "build")]
pub use store::StoreError;
pub(crate) use unused::unused_stores;
