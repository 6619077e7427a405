//! The user's kubeconfig before and after kipod was there.

mod document;
mod locks;
mod user;

use std::path::{Path, PathBuf};

use super::{ClusterAccess, Kubeconfig};
use crate::spec::ClusterName;

fn name(name: &str) -> ClusterName {
    name.parse().unwrap()
}

/// The kubeconfig of a cluster whose server listens on that port.
fn cluster(cluster: &str, port: u16) -> Kubeconfig {
    Kubeconfig::new(ClusterAccess {
        cluster_name: name(cluster),
        server: format!("https://127.0.0.1:{port}"),
        ca_pem: format!("ca of {cluster}\n"),
        client_cert_pem: format!("certificate of {cluster}\n"),
        client_key_pem: format!("key of {cluster}\n"),
    })
}

/// A folder with a place for a kubeconfig in it.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path(file);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What the folder holds, in order.
    fn list(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
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

/// The file as the kube client reads it.
fn read(path: &Path) -> kube::config::Kubeconfig {
    kube::config::Kubeconfig::read_from(path).unwrap()
}

fn contexts(path: &Path) -> Vec<String> {
    read(path).contexts.into_iter().map(|context| context.name).collect()
}
