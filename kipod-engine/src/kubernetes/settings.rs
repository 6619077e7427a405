//! Settings that depend on the Kubernetes version, in one table.

use super::version::{OLDEST, Version};

/// The settings of the minor versions from `since` up to the next row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The first minor version that the row applies to.
    since: (u64, u64),
    /// The API version of the kubeadm configuration.
    pub(crate) kubeadm_api: &'static str,
    /// The etcd argument, name and value, that disables the corruption check at startup. With the
    /// check, a member compares its data with all other members before it serves requests. The
    /// name depends on the etcd release that kubeadm of this version deploys.
    pub(crate) no_initial_corruption_check: (&'static str, &'static str),
    /// The name of the etcd argument for the interval of watch progress notifications.
    pub(crate) watch_progress_argument: &'static str,
    /// `true` if kubelet verifies by default that a pod may use an image that another pod has pulled.
    pub(crate) verifies_pulled_images: bool,
    /// `true` if the API server serves `MutatingAdmissionPolicy` in version `v1`.
    pub(crate) has_mutating_policies: bool,
}

/// The table starts at the oldest supported version. kubeadm has read `v1beta4` since 1.31 and
/// patches cluster DNS since 1.32; kube-proxy has had the `nftables` mode without a feature gate
/// since 1.31. 1.37, whose kubeadm reads `v1beta4` only, deploys etcd 3.7, which has the arguments of 3.6.
///
/// Sources: kubeadm's reference (`--patches`); `SupportedEtcdVersion` in kubeadm's constants, by which
/// 1.34 is the first with etcd 3.6; etcd's flags of 3.5 and 3.6, and feature gates of 3.7; kube-proxy's
/// feature gates; kubelet's feature gate `KubeletEnsureSecretPulledImages`, which is on since 1.35; the
/// API `admissionregistration.k8s.io/v1` of 1.36; the changelog of 1.37.
const TABLE: &[Settings] = &[
    Settings {
        since: OLDEST,
        kubeadm_api: "kubeadm.k8s.io/v1beta4",
        no_initial_corruption_check: ("experimental-initial-corrupt-check", "false"),
        watch_progress_argument: "experimental-watch-progress-notify-interval",
        verifies_pulled_images: false,
        has_mutating_policies: false,
    },
    Settings {
        since: (1, 34),
        kubeadm_api: "kubeadm.k8s.io/v1beta4",
        no_initial_corruption_check: ("feature-gates", "InitialCorruptCheck=false"),
        watch_progress_argument: "watch-progress-notify-interval",
        verifies_pulled_images: false,
        has_mutating_policies: false,
    },
    Settings {
        since: (1, 35),
        kubeadm_api: "kubeadm.k8s.io/v1beta4",
        no_initial_corruption_check: ("feature-gates", "InitialCorruptCheck=false"),
        watch_progress_argument: "watch-progress-notify-interval",
        verifies_pulled_images: true,
        has_mutating_policies: false,
    },
    Settings {
        since: (1, 36),
        kubeadm_api: "kubeadm.k8s.io/v1beta4",
        no_initial_corruption_check: ("feature-gates", "InitialCorruptCheck=false"),
        watch_progress_argument: "watch-progress-notify-interval",
        verifies_pulled_images: true,
        has_mutating_policies: true,
    },
];

impl Settings {
    /// Returns the settings of a supported version.
    pub(crate) fn of(version: &Version) -> &'static Self {
        TABLE.iter().rev().find(|row| row.since <= version.minor()).unwrap_or(&TABLE[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_follow_the_minor_version() {
        assert!(TABLE.is_sorted_by(|one, next| one.since < next.since));
        for (version, flag) in [
            ("v1.32.0", "experimental-initial-corrupt-check"),
            ("v1.33.12", "experimental-initial-corrupt-check"),
            ("v1.34.0-rc.1", "feature-gates"),
            ("1.35", "feature-gates"),
            ("v1.36.2+k3", "feature-gates"),
            ("v1.37.0", "feature-gates"),
            ("v1.99.0", "feature-gates"),
        ] {
            let settings = Settings::of(&version.parse().unwrap());
            assert_eq!(settings.no_initial_corruption_check.0, flag, "{version}");
            let progress = settings.watch_progress_argument;
            assert_eq!(progress.starts_with("experimental-"), flag.starts_with("experimental-"));
            assert_eq!(settings.kubeadm_api, "kubeadm.k8s.io/v1beta4");
        }
    }

    #[test]
    fn mutating_policies_are_served_since_1_36() {
        for (version, served) in [("v1.35.9", false), ("v1.36.0", true), ("v1.37.0", true)] {
            let settings = Settings::of(&version.parse().unwrap());
            assert_eq!(settings.has_mutating_policies, served, "{version}");
        }
    }

    #[test]
    fn kubelet_verifies_pulled_images_since_1_35() {
        for (version, verifies) in [("v1.34.9", false), ("v1.35.0", true), ("v1.36.2", true)] {
            let settings = Settings::of(&version.parse().unwrap());
            assert_eq!(settings.verifies_pulled_images, verifies, "{version}");
        }
    }
}
