//! Real Kubernetes clusters in rootless Podman containers: systemd, CRI-O and kubeadm inside.

mod dirs;
pub mod host;
pub mod podman;

pub use dirs::{Dirs, DirsError};
