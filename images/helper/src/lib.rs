//! Location of the sources of `kipod-node`, for the build script of `kipod-images`, which compiles
//! the program for the node image.

/// The directory of this package's `Cargo.toml`.
pub const MANIFEST_DIR: &str = env!("CARGO_MANIFEST_DIR");
