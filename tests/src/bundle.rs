//! Component bundles of this host, and the node images built from them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Kipod, NODE_IMAGE};

/// The label with the kipod revision that built a node image.
const REVISION_LABEL: &str = "{{index .Labels \"io.kipod.revision\"}}";

/// A component bundle of one Kubernetes version.
#[derive(Debug)]
pub struct Bundle {
    dir: PathBuf,
    version: String,
}

impl Bundle {
    /// Builds the node image unless this revision of kipod has built it. Returns its reference.
    pub fn ensure_node_image(&self) -> String {
        let reference = format!("localhost/kipod-node:{}", self.version.replace('+', "_"));
        if !is_current(&reference) {
            let dir = self.dir.display().to_string();
            let version = self.version.as_str();
            let args = ["build", "node-image", "--components", &dir, "--k8s-version", version];
            Kipod::new(args).run().success();
        }
        reference
    }
}

/// Returns the directory of the default bundle: `KIPOD_COMPONENTS`, or the installed one.
pub fn local_bundle() -> Option<PathBuf> {
    let configured = std::env::var_os("KIPOD_COMPONENTS").map(PathBuf::from);
    let installed =
        ["/usr/local/share", "/usr/share"].map(|dir| Path::new(dir).join("kipod/components"));
    configured.into_iter().chain(installed).find(|dir| dir.is_dir())
}

/// Returns the bundle of a minor version, such as `1.35`: the default bundle, or one next to it.
pub fn bundle_for(minor: &str) -> Option<Bundle> {
    let default = local_bundle()?;
    let other = default.with_file_name(format!("components-{minor}"));
    [default, other].into_iter().find_map(|dir| {
        let kubeadm = dir.join("bin/kubeadm");
        let output = Command::new(kubeadm).args(["version", "-o", "short"]).output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        version.starts_with(&format!("v{minor}.")).then_some(Bundle { dir, version })
    })
}

/// Builds the default node image unless this revision of kipod has built it.
///
/// A file lock serializes concurrent tests.
pub fn ensure_node_image() {
    let user = rustix::process::getuid().as_raw();
    let path = std::env::temp_dir().join(format!("kipod-e2e-{user}.lock"));
    let lock = std::fs::File::create(&path).expect("a lock file");
    lock.lock().expect("a lock");
    if !is_current(NODE_IMAGE) {
        Kipod::new(["build", "node-image"]).run().success();
    }
}

/// Returns whether this revision of kipod has built a node image.
fn is_current(reference: &str) -> bool {
    let inspect = ["image", "inspect", "--format", REVISION_LABEL, reference];
    let output = Command::new("podman").args(inspect).output().expect("these tests need podman");
    String::from_utf8_lossy(&output.stdout).trim() == kipod_images::REVISION
}
