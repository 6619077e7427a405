//! The `podman` command, as the second opinion on what kipod did.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Kipod;

/// The node image that clusters are made of.
pub const NODE_IMAGE: &str = "localhost/kipod-node:latest";

/// Runs `podman` with these words and answers what it printed.
///
/// # Panics
///
/// When it fails.
#[track_caller]
pub fn podman(words: &[&str]) -> String {
    let output = Command::new("podman").args(words).current_dir("/").output();
    let output = output.expect("these tests need podman");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "podman {}: {error}", words.join(" "));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Builds the node image if this kipod has none, once, whatever other tests do at the same time.
pub fn ensure_node_image() {
    let user = rustix::process::getuid().as_raw();
    let path = std::env::temp_dir().join(format!("kipod-e2e-{user}.lock"));
    let lock = std::fs::File::create(&path).expect("a lock file");
    lock.lock().expect("a lock");
    let label = "{{index .Labels \"io.kipod.revision\"}}";
    let built =
        Command::new("podman").args(["image", "inspect", "--format", label, NODE_IMAGE]).output();
    let built = built.expect("these tests need podman");
    if String::from_utf8_lossy(&built.stdout).trim() != kipod_images::REVISION {
        Kipod::new(["build", "node-image"]).run().ok();
    }
}

/// An image that a test built. It goes with this value.
#[derive(Debug)]
pub struct TestImage {
    /// Its reference.
    pub reference: String,
}

impl TestImage {
    /// Builds an image with `podman build`: the node image with a file `/answer` that holds `text`.
    pub fn build(name: &str, text: &str) -> Self {
        let reference = format!("localhost/e2e-{name}-{}:1", std::process::id());
        let context = tempfile::tempdir().expect("a folder");
        std::fs::write(context.path().join("answer"), text).expect("a file");
        build_image(&reference, context.path(), "COPY answer /answer\n");
        Self { reference }
    }
}

/// Builds an image with `podman build`: the node image and what `steps` of a Containerfile add.
pub(crate) fn build_image(reference: &str, context: &Path, steps: &str) {
    let mut build = Command::new("podman")
        .args(["build", "--quiet", "--tag", reference, "--file", "-"])
        .arg(context)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("these tests need podman");
    let file = format!("FROM {NODE_IMAGE}\n{steps}");
    let mut input = build.stdin.take().expect("a pipe");
    input.write_all(file.as_bytes()).expect("podman reads the file");
    drop(input);
    assert!(build.wait().expect("our own child").success(), "podman build");
}

impl Drop for TestImage {
    fn drop(&mut self) {
        let words = ["image", "rm", "--force", self.reference.as_str()];
        let _ = Command::new("podman").args(words).output();
    }
}
