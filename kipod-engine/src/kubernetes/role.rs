//! The role of a node.

use crate::util::string_enum::string_enum;

string_enum! {
    /// The role of a node in its cluster. Control planes sort before workers, which is the order of
    /// the nodes.
    ///
    /// ```
    /// use kipod_engine::{ClusterSpec, Role};
    ///
    /// let spec = ClusterSpec::builder("demo").control_planes(3).workers(2).build()?;
    /// assert_eq!(spec.nodes[0].role, Role::ControlPlane);
    /// assert_eq!(spec.count(Role::Worker), 2);
    /// assert_eq!("worker".parse(), Ok(Role::Worker));
    /// # Ok::<(), kipod_engine::spec::ValidationErrors>(())
    /// ```
    pub enum Role: "a role" {
        /// Runs the control plane and an etcd member. User pods are scheduled on it only if the
        /// cluster has no worker.
        ControlPlane = "control-plane",
        /// Runs user pods.
        Worker = "worker",
    }
}
