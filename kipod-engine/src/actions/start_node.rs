//! Creation and start of a node from its plan.

use crate::cluster::RecordError;
use crate::node::NodeFile;
use crate::plan::NodePlan;
use crate::podman::{Podman, PodmanError};
use crate::util::fs::create_private_dir;

/// Creates an empty directory for a node's status. One of an earlier node of that name is removed.
pub(super) fn empty_status_dir(node: &NodePlan) -> Result<(), RecordError> {
    let path = node.status_dir.clone();
    let _ = std::fs::remove_dir_all(&path);
    create_private_dir(&path).map_err(|source| RecordError::Io { path, source })
}

/// Creates a container with its volume and files, and starts it.
pub(super) async fn start_node(podman: &dyn Podman, node: &NodePlan) -> Result<(), PodmanError> {
    podman.create_volume(&node.volume).await?;
    podman.create_container(&node.container).await?;
    podman.upload(&node.name, "/var", archive(&node.files)).await?;
    podman.start_container(&node.name).await
}

/// Packs the files of a node into a tar archive, relative to `/var`.
pub(super) fn archive(files: &[NodeFile]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.text.len() as u64);
        header.set_mode(file.mode);
        header.set_entry_type(tar::EntryType::Regular);
        let path = file.path.trim_start_matches("/var/");
        // Writing to memory cannot fail, and kipod's own paths are short.
        let _ = builder.append_data(&mut header, path, file.text.as_bytes());
    }
    builder.into_inner().unwrap_or_default()
}
