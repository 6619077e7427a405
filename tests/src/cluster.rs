//! A cluster of a test's own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Inside, Kipod, Traces};

/// The name of a cluster that a test may create, and a kubeconfig for it that is nobody else's.
/// Whatever there is of the cluster goes with this value.
#[derive(Debug)]
pub struct TestCluster {
    /// The cluster's name.
    pub name: String,
    folder: tempfile::TempDir,
}

impl TestCluster {
    /// A name that no other test has. Nothing is created.
    pub fn named(purpose: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e-{purpose}-{}-{count}", std::process::id());
        Self { name, folder: tempfile::tempdir().expect("a folder") }
    }

    /// A cluster that is ready.
    #[track_caller]
    pub fn created(purpose: &str) -> Self {
        Self::created_with(purpose, &[])
    }

    /// A cluster that was created with these words, and is ready.
    #[track_caller]
    pub fn created_with(purpose: &str, words: &[&str]) -> Self {
        crate::ensure_node_image();
        let cluster = Self::named(purpose);
        cluster.create_with(words).run().ok();
        cluster
    }

    /// `kipod` with these words, and this cluster's kubeconfig as the user's.
    pub fn kipod(&self, words: &[&str]) -> Kipod {
        Kipod::new(words).env("KUBECONFIG", self.kubeconfig())
    }

    /// `kipod -v create cluster NAME`.
    pub fn create(&self) -> Kipod {
        self.create_with(&[])
    }

    /// `kipod -v create cluster NAME` and more words.
    pub fn create_with(&self, more: &[&str]) -> Kipod {
        self.kipod(&[&["-v", "create", "cluster", &self.name], more].concat())
    }

    /// `kipod delete cluster NAME`.
    pub fn delete(&self) -> Kipod {
        self.kipod(&["delete", "cluster", &self.name])
    }

    /// The kubeconfig file that stands for the user's.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The name of its only node, which is also its container's and its volume's.
    pub fn node(&self) -> String {
        format!("{}-control-plane-0", self.name)
    }

    /// A client of what runs inside.
    pub fn inside(&self) -> Inside {
        Inside::new(&self.kubeconfig())
    }

    /// What there is of it on this machine, to be looked for again later.
    pub fn traces(&self) -> Traces {
        Traces::of(self)
    }

    /// Fails the test when anything of the cluster is on this machine.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        self.traces().assert_gone();
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        // Nothing is there after a test that went well; after another one this must not hide why.
        let _ = std::panic::catch_unwind(|| self.delete().run());
    }
}
