//! Real Kubernetes clusters in rootless Podman containers: systemd, CRI-O and kubeadm inside.

mod dirs;
pub mod podman;
pub mod spec;

pub use dirs::{Dirs, DirsError};
