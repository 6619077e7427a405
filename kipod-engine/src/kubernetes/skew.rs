//! Version skew: which Kubernetes versions of nodes are supported in one cluster.

use super::{Role, Version};

/// The number of minor versions by which a kubelet may be older than the API server.
/// Source: Kubernetes' version skew policy, "kubelet".
const KUBELET_SKEW: u64 = 3;

/// An error of the version skew between nodes, which Kubernetes does not support.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkewError {
    /// A control plane has another minor version than the first control plane.
    #[error(
        "a control plane must have the minor version of the first control plane, which has {control_plane}"
    )]
    ControlPlane {
        /// The version of the first control plane.
        control_plane: Version,
    },
    /// A worker is newer than the control plane.
    #[error("a worker must not be newer than the control plane, which has {control_plane}")]
    NewerWorker {
        /// The version of the first control plane.
        control_plane: Version,
    },
    /// A worker is too old for the control plane.
    #[error(
        "a worker must be at most {KUBELET_SKEW} minor versions older than the control plane, which has {control_plane}"
    )]
    OlderWorker {
        /// The version of the first control plane.
        control_plane: Version,
    },
}

/// Checks a node's version against the version of the first control plane.
///
/// # Errors
///
/// [`SkewError`] if the version skew policy of Kubernetes does not allow the combination.
///
/// ```
/// use kipod_engine::kubernetes::{Role, check_skew};
///
/// let (old, new) = ("v1.34.9".parse().unwrap(), "v1.36.2".parse().unwrap());
/// assert!(check_skew(Role::Worker, &old, &new).is_ok());
/// assert_eq!(
///     check_skew(Role::Worker, &new, &old).unwrap_err().to_string(),
///     "a worker must not be newer than the control plane, which has v1.34.9"
/// );
/// ```
pub fn check_skew(role: Role, node: &Version, control_plane: &Version) -> Result<(), SkewError> {
    let (kubelet, api_server) = (node.minor(), control_plane.minor());
    let control_plane = || control_plane.clone();
    match role {
        Role::ControlPlane if kubelet != api_server => {
            Err(SkewError::ControlPlane { control_plane: control_plane() })
        }
        Role::Worker if kubelet > api_server => {
            Err(SkewError::NewerWorker { control_plane: control_plane() })
        }
        Role::Worker if kubelet.0 != api_server.0 || kubelet.1 + KUBELET_SKEW < api_server.1 => {
            Err(SkewError::OlderWorker { control_plane: control_plane() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_follows_the_kubernetes_policy() {
        use Role::{ControlPlane, Worker};
        for (role, node, control_plane, supported) in [
            (ControlPlane, "v1.36.0", "v1.36.2", true),
            (ControlPlane, "v1.35.9", "v1.36.2", false),
            (ControlPlane, "v1.37.0", "v1.36.2", false),
            (Worker, "v1.36.9", "v1.36.2", true),
            (Worker, "v1.35.6", "v1.36.2", true),
            (Worker, "v1.34.9", "v1.36.2", true),
            (Worker, "v1.33.0", "v1.36.2", true),
            (Worker, "v1.32.9", "v1.36.2", false),
            (Worker, "v1.36.0", "v1.35.9", false),
            (Worker, "v1.36.0", "v2.0.0", false),
        ] {
            let result = check_skew(role, &node.parse().unwrap(), &control_plane.parse().unwrap());
            assert_eq!(result.is_ok(), supported, "{role} {node} with {control_plane}");
        }
    }
}
