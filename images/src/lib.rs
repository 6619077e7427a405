//! Contents of kipod's node image, as data: the Containerfile, the files of the build context, the
//! pinned versions, and the program inside nodes.

pub mod versions;

/// A file of the node image's build context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeFile {
    /// The path, relative to the build context.
    pub path: &'static str,
    /// The contents.
    pub contents: &'static [u8],
    /// `true` if the file is executable.
    pub executable: bool,
}

/// Every file of the build context, except [`NODE_PROGRAM`] and the programs of a component bundle.
pub const NODE_FILES: &[NodeFile] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The program inside nodes, for the architecture this crate is compiled for: the OCI runtime shim,
/// the controller of LoadBalancer Services, and the hold of connections to a starting API server.
#[cfg(feature = "programs")]
pub const NODE_PROGRAM: NodeFile = NodeFile {
    path: "bin/kipod-node",
    contents: include_bytes!(concat!(env!("OUT_DIR"), "/kipod-node")),
    executable: true,
};

/// Identifies the contents of [`NODE_FILES`] and the sources of the program inside nodes. The engine
/// depends on their behavior, so it refuses a node image with another revision.
pub const REVISION: &str = env!("KIPOD_NODE_REVISION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_files_have_contents_and_modes() {
        let file = |path| NODE_FILES.iter().find(|file| file.path == path).unwrap();
        assert!(file("Containerfile").contents.starts_with(b"# "));
        assert!(!file("Containerfile").executable);
        assert!(file("rootfs/usr/local/lib/kipod/boot").executable);
    }

    #[test]
    fn revision_is_a_hash() {
        assert_eq!(REVISION.len(), 16);
        assert!(u64::from_str_radix(REVISION, 16).is_ok(), "{REVISION}");
    }
}
