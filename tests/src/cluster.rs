//! The cluster of a test.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{ClusterClient, Kipod, Leftovers};

/// A unique cluster name with a private kubeconfig. Dropping it deletes the cluster.
#[derive(Debug)]
pub struct TestCluster {
    /// The name of the cluster.
    pub name: String,
    dir: tempfile::TempDir,
}

impl TestCluster {
    /// Chooses a unique name. Creates nothing.
    pub fn new(purpose: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::with_name(&format!("e2e-{purpose}-{}-{count}", std::process::id()))
    }

    /// Uses a name that the caller has chosen. Creates nothing.
    pub fn with_name(name: &str) -> Self {
        Self { name: name.to_owned(), dir: tempfile::tempdir().expect("a temporary directory") }
    }

    /// Creates a cluster with default options and waits until it is ready.
    #[track_caller]
    pub fn create(purpose: &str) -> Self {
        Self::create_with(purpose, &[])
    }

    /// Creates a cluster with the options in `args` and waits until it is ready.
    #[track_caller]
    pub fn create_with(purpose: &str, args: &[&str]) -> Self {
        crate::ensure_node_image();
        let cluster = Self::new(purpose);
        cluster.creation_with(args).run().success();
        cluster
    }

    /// Returns the state that `kipod get clusters` prints as JSON.
    pub fn state(&self) -> String {
        let json = self.kipod(&["get", "clusters", "-o", "json"]).run().success().json();
        let all = json.as_array().expect("a list");
        let ours = all.iter().find(|one| one["name"] == self.name.as_str()).expect("the cluster");
        ours["state"].as_str().expect("a state").to_owned()
    }

    /// Returns `kipod ARGS` with the kubeconfig of this cluster.
    pub fn kipod(&self, args: &[&str]) -> Kipod {
        Kipod::new(args).env("KUBECONFIG", self.kubeconfig())
    }

    /// Returns `kipod -v create cluster NAME`.
    pub fn creation(&self) -> Kipod {
        self.creation_with(&[])
    }

    /// Returns `kipod -v create cluster NAME ARGS`.
    pub fn creation_with(&self, args: &[&str]) -> Kipod {
        self.kipod(&[&["-v", "create", "cluster", &self.name], args].concat())
    }

    /// Returns `kipod -v create cluster NAME --config FILE`, with a file that contains `config`.
    pub fn creation_from(&self, config: &str) -> Kipod {
        let file = self.dir.path().join("cluster.yaml");
        std::fs::write(&file, config).expect("a configuration file");
        self.creation_with(&["--config", file.to_str().expect("a path in UTF-8")])
    }

    /// Returns `kipod delete cluster NAME`.
    pub fn deletion(&self) -> Kipod {
        self.kipod(&["delete", "cluster", &self.name])
    }

    /// Deletes the cluster. Fails the test if anything of it remains.
    #[track_caller]
    pub fn delete_completely(&self) {
        let leftovers = self.leftovers();
        self.deletion().run().success();
        leftovers.assert_none();
    }

    /// Runs a shell script in the first control plane by `kipod exec`, and returns its standard output.
    #[track_caller]
    pub fn exec(&self, script: &str) -> String {
        self.kipod(&["exec", "--name", &self.name, "sh", "-c", script]).run().success().stdout
    }

    /// Runs kubectl in the first control plane, and returns its standard output.
    #[track_caller]
    pub fn kubectl(&self, args: &str) -> String {
        self.exec(&format!("kubectl --kubeconfig /etc/kubernetes/admin.conf {args}"))
    }

    /// Returns the path of the private kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }

    /// Returns the name of the first control plane, which is also that of its container and volume.
    pub fn control_plane(&self) -> String {
        format!("{}-control-plane-0", self.name)
    }

    /// Returns the name of a worker.
    pub fn worker(&self, number: usize) -> String {
        format!("{}-worker-{number}", self.name)
    }

    /// Connects to the API server.
    pub fn client(&self) -> ClusterClient {
        ClusterClient::connect(&self.kubeconfig())
    }

    /// Returns the value for `podman --filter` that selects the resources of this cluster.
    pub fn label_filter(&self) -> String {
        format!("label=io.kipod.cluster={}", self.name)
    }

    /// Returns a search for the resources of this cluster.
    pub fn leftovers(&self) -> Leftovers {
        Leftovers::of(self)
    }

    /// Fails the test if any resource of this cluster exists.
    #[track_caller]
    pub fn assert_no_leftovers(&self) {
        self.leftovers().assert_none();
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        // A failed deletion must not hide the failure of the test.
        let _ = std::panic::catch_unwind(|| self.deletion().run());
    }
}
