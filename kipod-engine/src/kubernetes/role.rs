//! The role of a node.

use crate::util::string_enum::string_enum;

string_enum! {
    /// The role of a node in its cluster. Control planes sort before workers, which is the order of
    /// the nodes.
    pub enum Role: "a role" {
        /// Runs the control plane and an etcd member. User pods are scheduled on it only if the
        /// cluster has no worker.
        ControlPlane = "control-plane",
        /// Runs user pods.
        Worker = "worker",
    }
}
