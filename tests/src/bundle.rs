//! The component bundles of this machine, and node images of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Kipod, podman};

/// A component bundle of one Kubernetes version.
#[derive(Debug)]
pub struct Bundle {
    folder: PathBuf,
    version: String,
}

/// The folder of this machine's component bundle: `KIPOD_COMPONENTS`, or the one that is installed.
pub fn bundle() -> Option<PathBuf> {
    let named = std::env::var_os("KIPOD_COMPONENTS").map(PathBuf::from);
    let installed =
        ["/usr/local/share", "/usr/share"].map(|dir| Path::new(dir).join("kipod/components"));
    named.into_iter().chain(installed).find(|dir| dir.is_dir())
}

/// The bundle of a minor version, such as `1.35`: the machine's own, or one beside it.
pub fn bundle_of(minor: &str) -> Option<Bundle> {
    let own = bundle()?;
    let beside = own.with_file_name(format!("components-{minor}"));
    [own, beside].into_iter().find_map(|folder| {
        let kubeadm = folder.join("bin/kubeadm");
        let said = Command::new(kubeadm).args(["version", "-o", "short"]).output().ok()?;
        let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        version.starts_with(&format!("v{minor}.")).then_some(Bundle { folder, version })
    })
}

impl Bundle {
    /// Builds the node image of the bundle if this kipod has none, and answers its reference.
    pub fn ensure_node_image(&self) -> String {
        let reference = format!("localhost/kipod-node:{}", self.version.replace('+', "_"));
        let label = "{{index .Labels \"io.kipod.revision\"}}";
        let exists = Command::new("podman").args(["image", "exists", &reference]).status();
        let built = exists.is_ok_and(|status| status.success())
            && podman(&["image", "inspect", "--format", label, &reference])
                == kipod_images::REVISION;
        if !built {
            let (folder, minor) = (self.folder.display().to_string(), self.version.as_str());
            let words = ["build", "node-image", "--components", &folder, "--k8s-version", minor];
            Kipod::new(words).run().ok();
        }
        reference
    }
}
