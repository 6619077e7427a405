//! Tests of kubeconfig files.

mod document;
mod locks;
mod user;

use std::path::{Path, PathBuf};

use super::{ClusterAccess, Kubeconfig};
use crate::spec::ClusterName;

fn name(name: &str) -> ClusterName {
    name.parse().unwrap()
}

/// Returns the kubeconfig of a cluster with that API server port.
fn cluster(cluster: &str, port: u16) -> Kubeconfig {
    Kubeconfig::new(ClusterAccess {
        cluster_name: name(cluster),
        server: format!("https://127.0.0.1:{port}"),
        ca_pem: format!("ca of {cluster}\n"),
        client_cert_pem: format!("certificate of {cluster}\n"),
        client_key_pem: format!("key of {cluster}\n"),
    })
}

/// A temporary home directory.
struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path(file);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Returns the sorted names of the files.
    fn list(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Parses the file with the kube client.
fn read(path: &Path) -> kube::config::Kubeconfig {
    kube::config::Kubeconfig::read_from(path).unwrap()
}

fn contexts(path: &Path) -> Vec<String> {
    read(path).contexts.into_iter().map(|context| context.name).collect()
}
