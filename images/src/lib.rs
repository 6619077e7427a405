//! What kipod's node image is made of, as data: the Containerfile, the files that go into the
//! image, the pinned versions, and the OCI runtime shim.

pub mod versions;

/// A file of the node image's build context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeFile {
    /// Its path, relative to the context.
    pub path: &'static str,
    /// What is in it.
    pub contents: &'static [u8],
    /// Whether it is a program.
    pub executable: bool,
}

/// Every file of the build context but the programs of a component bundle.
pub const NODE_FILES: &[NodeFile] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The OCI runtime shim, as a program for the architecture this crate is compiled for.
pub const SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shim"));

/// Says which [`NODE_FILES`] and which shim these are: other ones have another revision. The engine
/// relies on what they do, so it takes no node image of another revision.
pub const REVISION: &str = env!("KIPOD_NODE_REVISION");

#[cfg(test)]
#[path = "../shim/json.rs"]
mod json;
#[cfg(test)]
#[path = "../shim/spec.rs"]
mod spec;
#[cfg(test)]
mod tests;
#[cfg(test)]
#[expect(dead_code, reason = "a test asks nobody")]
#[path = "../shim/wait.rs"]
mod wait;
