//! The layout of a component bundle.

use std::path::{Path, PathBuf};

/// Declares an enum of programs with their file names.
macro_rules! programs {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $file:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All programs.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the file's name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $file,)*
                }
            }

            /// Returns its path, relative to the bundle's directory.
            pub(super) fn path(self) -> PathBuf {
                Path::new(BIN).join(self.name())
            }
        }
    };
}

programs! {
    /// A program of every node, which every bundle must contain in `bin/`.
    Program {
        /// Bootstraps nodes.
        Kubeadm = "kubeadm",
        /// The node agent, which runs pods.
        Kubelet = "kubelet",
        /// The command line of Kubernetes.
        Kubectl = "kubectl",
        /// The container engine.
        Crio = "crio",
        /// CRI-O's helper that pins namespaces.
        Pinns = "pinns",
        /// The command line of container engines.
        Crictl = "crictl",
        /// The monitor process of a container.
        Conmon = "conmon",
        /// The OCI runtime.
        Crun = "crun",
    }
}

programs! {
    /// A program of which kipod can build an image, for the control plane or an add-on. Optional in
    /// `bin/`.
    ImageProgram {
        /// The API server.
        KubeApiserver = "kube-apiserver",
        /// The built-in controllers.
        KubeControllerManager = "kube-controller-manager",
        /// The scheduler.
        KubeScheduler = "kube-scheduler",
        /// The Service proxy of every node.
        KubeProxy = "kube-proxy",
        /// The store of the API server.
        Etcd = "etcd",
        /// Cluster DNS.
        Coredns = "coredns",
        /// Holds a pod's namespaces.
        Pause = "pause",
        /// Provisions the volumes of the default StorageClass.
        LocalPathProvisioner = "local-path-provisioner",
        /// Creates and removes the directories of those volumes.
        Busybox = "busybox",
        /// Collects the resource usage of nodes and pods.
        MetricsServer = "metrics-server",
    }
}

/// The directory of programs.
pub(super) const BIN: &str = "bin";
/// The directory of CNI plugins.
pub(super) const CNI: &str = "cni";
/// The directory of image archives.
pub(super) const IMAGES: &str = "images";
/// The root file system for the node image.
pub(super) const BASE: &str = "base.tar";
/// The checksums.
pub(super) const SUMS: &str = "SHA256SUMS";

/// The CNI plugins in kipod's own network configuration.
pub(super) const REQUIRED_CNI: [&str; 4] = ["loopback", "ptp", "host-local", "portmap"];

/// Returns the required files, relative to the bundle's directory.
pub(super) fn required() -> impl Iterator<Item = PathBuf> {
    let programs = Program::ALL.iter().map(|program| program.path());
    programs.chain(REQUIRED_CNI.iter().map(|name| Path::new(CNI).join(name)))
}
