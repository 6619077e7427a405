//! What kipod's node image is made of, as data: the Containerfile, the files that go into the image
//! and the OCI runtime shim.

/// The OCI runtime shim, as a program for the host's own architecture.
pub const SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shim"));

#[cfg(test)]
#[path = "../shim/json.rs"]
mod json;
#[cfg(test)]
#[path = "../shim/spec.rs"]
mod spec;
#[cfg(test)]
mod tests;
