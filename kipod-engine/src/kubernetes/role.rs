//! The role of a node.

use crate::util::words::words;

words! {
    /// What a node does in its cluster. Control planes are first, which is the order of nodes.
    pub enum Role: "a role" {
        /// It runs the control plane, and etcd beside it. It takes pods of users only where the cluster
        /// has no worker.
        ControlPlane = "control-plane",
        /// It runs pods of users.
        Worker = "worker",
    }
}
