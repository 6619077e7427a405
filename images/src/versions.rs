//! The versions that kipod pins.
//!
//! ```
//! assert!(kipod_images::versions::KUBERNETES.starts_with('v'));
//! ```

/// The default Kubernetes version of a node image.
pub const KUBERNETES: &str = "v1.36.2";

/// The CRI-O version for [`KUBERNETES`]. The minor versions of CRI-O and Kubernetes are the same, so
/// a node image with another minor version gets the newest CRI-O of that one.
pub const CRIO: &str = "v1.36.3";

/// The default base image of a node image: Debian.
pub const BASE_DEBIAN: &str = "docker.io/library/debian:13-slim";

/// The base image of a Fedora node image.
pub const BASE_FEDORA: &str = "quay.io/fedora/fedora:44";

/// The image that provisions the volumes of the default StorageClass.
pub const LOCAL_PATH_PROVISIONER: &str = "docker.io/rancher/local-path-provisioner:v0.0.37";

/// The image whose shell creates and removes the directories of those volumes.
pub const BUSYBOX: &str = "docker.io/library/busybox:1.37";

/// The image that serves `kubectl top`, in clusters with `metrics`.
pub const METRICS_SERVER: &str = "registry.k8s.io/metrics-server/metrics-server:v0.8.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crio_has_the_minor_version_of_kubernetes() {
        let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
        assert_eq!(minor(CRIO), minor(KUBERNETES));
    }
}
