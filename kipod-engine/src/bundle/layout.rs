//! The names in a component bundle.

use std::path::{Path, PathBuf};

/// Declares an enum of programs with their file names.
macro_rules! programs {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $file:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The file's name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $file,)*
                }
            }

            /// Where it is in a bundle, relative to the bundle's folder.
            pub(super) fn path(self) -> PathBuf {
                Path::new(BIN).join(self.name())
            }
        }
    };
}

programs! {
    /// A program that every node has and every bundle must hold, in `bin/`.
    Program {
        /// Sets nodes up.
        Kubeadm = "kubeadm",
        /// Runs pods.
        Kubelet = "kubelet",
        /// Kubernetes' command line.
        Kubectl = "kubectl",
        /// The container engine.
        Crio = "crio",
        /// CRI-O's helper that pins namespaces.
        Pinns = "pinns",
        /// The command line of container engines.
        Crictl = "crictl",
        /// Watches over one container.
        Conmon = "conmon",
        /// The OCI runtime.
        Crun = "crun",
    }
}

programs! {
    /// A program that an image is made of, one of the control plane's or one beside it, which a bundle
    /// may hold in `bin/`.
    ImageProgram {
        /// The API server.
        KubeApiserver = "kube-apiserver",
        /// The built-in controllers.
        KubeControllerManager = "kube-controller-manager",
        /// The scheduler.
        KubeScheduler = "kube-scheduler",
        /// Services, on every node.
        KubeProxy = "kube-proxy",
        /// The API server's store.
        Etcd = "etcd",
        /// Cluster DNS.
        Coredns = "coredns",
        /// Holds a pod's namespaces.
        Pause = "pause",
        /// Provisions the volumes of the default StorageClass.
        LocalPathProvisioner = "local-path-provisioner",
        /// Makes and removes the folders of those volumes.
        Busybox = "busybox",
        /// Collects what nodes and pods use.
        MetricsServer = "metrics-server",
    }
}

/// The folder of programs.
pub(super) const BIN: &str = "bin";
/// The folder of CNI plugins.
pub(super) const CNI: &str = "cni";
/// The folder of image archives.
pub(super) const IMAGES: &str = "images";
/// The root file system to build on.
pub(super) const BASE: &str = "base.tar";
/// The checksums.
pub(super) const SUMS: &str = "SHA256SUMS";

/// The CNI plugins that kipod's own network configuration names.
pub(super) const REQUIRED_CNI: [&str; 4] = ["loopback", "ptp", "host-local", "portmap"];

/// Every file a bundle must hold, relative to its folder.
pub(super) fn required() -> impl Iterator<Item = PathBuf> {
    let programs = Program::ALL.iter().map(|program| program.path());
    programs.chain(REQUIRED_CNI.iter().map(|name| Path::new(CNI).join(name)))
}
