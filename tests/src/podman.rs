//! The `podman` command, used to verify the results of kipod independently.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The reference of the default node image.
pub const NODE_IMAGE: &str = "localhost/kipod-node:latest";

/// Runs `podman` and returns standard output.
///
/// # Panics
///
/// If the command fails.
#[track_caller]
pub fn podman(args: &[&str]) -> String {
    let output = Command::new("podman").args(args).current_dir("/").output();
    let output = output.expect("these tests need podman");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "podman {}: {error}", args.join(" "));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// An image built by a test. Dropping it removes the image.
#[derive(Debug)]
pub struct TestImage {
    /// The reference of the image.
    pub reference: String,
}

impl TestImage {
    /// Builds an image from the node image, with a file `/answer` that contains `text`.
    pub fn build(name: &str, text: &str) -> Self {
        let reference = format!("localhost/e2e-{name}-{}:1", std::process::id());
        let context = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(context.path().join("answer"), text).expect("a file");
        build_image(&reference, context.path(), "COPY answer /answer\n");
        Self { reference }
    }
}

impl Drop for TestImage {
    fn drop(&mut self) {
        let args = ["image", "rm", "--force", self.reference.as_str()];
        let _ = Command::new("podman").args(args).output();
    }
}

/// Builds an image from the node image and the given steps of a Containerfile.
pub(crate) fn build_image(reference: &str, context: &Path, steps: &str) {
    let mut build = Command::new("podman")
        .args(["build", "--quiet", "--tag", reference, "--file", "-"])
        .arg(context)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("these tests need podman");
    let containerfile = format!("FROM {NODE_IMAGE}\n{steps}");
    let mut input = build.stdin.take().expect("a pipe");
    input.write_all(containerfile.as_bytes()).expect("podman reads the Containerfile");
    drop(input);
    assert!(build.wait().expect("the status of a child").success(), "podman build");
}
