//! Tests of kubeconfig files.

mod document;
mod entries;
mod files;
mod locks;

use std::path::{Path, PathBuf};

use super::{ClusterAccess, Kubeconfig};
use crate::spec::ClusterName;

/// A kubeconfig with other clusters and with fields that kipod does not know.
const OTHERS: &str = "\
# my clusters
apiVersion: v1
clusters:
# the real thing
- cluster:
    certificate-authority: ../ca.crt
    x-new-field: [1, 0755, yes]
    server: https://10.0.0.1:6443
  name: prod
- name: no-content
contexts:
- name: prod
  context:
    namespace: ada
    cluster: prod
    user: ada
current-context: prod
kind: Config
preferences: {colors: true}
x-top: &anchor {deep: {er: 1}}
x-alias: *anchor
users:
- name: ada
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: login, args: [a, '1'], env: null}
extensions:
- name: tool
  extension: {k: v}
";

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
