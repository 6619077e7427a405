//! What depends on the Kubernetes version, in one table: which versions are supported, what kubeadm and
//! etcd of each take, and which go together in one cluster. All else is the same for all of them.

mod role;

pub use role::Role;

use semver::Version;

/// What is particular about the minor versions from one on, up to the next row's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The first minor version of which it holds.
    since: (u64, u64),
    /// The API version of the documents that kubeadm reads.
    pub kubeadm_api: &'static str,
    /// The argument of etcd, name and value, by which a member does not compare itself with all others
    /// before it answers anybody: of the release that kubeadm runs, which it takes by the same rule.
    pub no_initial_corruption_check: (&'static str, &'static str),
    /// The argument of etcd that says how often it tells watchers that nothing has happened.
    pub watch_progress_argument: &'static str,
}

/// From the oldest version that is supported. kubeadm has read `v1beta4` since 1.31 and patches cluster
/// DNS since 1.32; kube-proxy has had the `nftables` mode without a feature gate since 1.31.
///
/// Sources: kubeadm's reference (`--patches`); `SupportedEtcdVersion` in kubeadm's constants, by which
/// 1.34 is the first with etcd 3.6; etcd's flags of 3.5 and 3.6; kube-proxy's feature gates.
const TABLE: &[Settings] = &[
    Settings {
        since: (1, 32),
        kubeadm_api: "kubeadm.k8s.io/v1beta4",
        no_initial_corruption_check: ("experimental-initial-corrupt-check", "false"),
        watch_progress_argument: "experimental-watch-progress-notify-interval",
    },
    Settings {
        since: (1, 34),
        kubeadm_api: "kubeadm.k8s.io/v1beta4",
        no_initial_corruption_check: ("feature-gates", "InitialCorruptCheck=false"),
        watch_progress_argument: "watch-progress-notify-interval",
    },
];

/// The oldest minor version that kipod makes nodes of.
pub const OLDEST: (u64, u64) = TABLE[0].since;

/// How many minor versions a kubelet may be older than the API server.
/// Source: Kubernetes' version skew policy, "kubelet".
const KUBELET_SKEW: u64 = 3;

/// A Kubernetes version that kipod cannot make a node of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// It is none, as `v1.36.2` is.
    #[error("`{text}` is not a Kubernetes version, such as `1.36` or `v1.36.2`")]
    Malformed {
        /// The text.
        text: String,
    },
    /// Its kubeadm is too old.
    #[error(
        "Kubernetes {text} is not supported: its kubeadm cannot patch cluster DNS, {}.{} is the oldest that can", OLDEST.0, OLDEST.1
    )]
    TooOld {
        /// The version.
        text: String,
    },
}

/// Whether kipod can make a node of a Kubernetes version. One that is newer than this kipod is taken to
/// be like the newest that it knows.
///
/// # Errors
///
/// When it is no version, or too old a one.
///
/// ```
/// use kipod_engine::kubernetes::check_version;
///
/// assert!(check_version("v1.36.2").is_ok());
/// assert_eq!(
///     check_version("v1.30.4").unwrap_err().to_string(),
///     "Kubernetes v1.30.4 is not supported: its kubeadm cannot patch cluster DNS, 1.32 is the oldest that can"
/// );
/// ```
pub fn check_version(text: &str) -> Result<(), VersionError> {
    let malformed = || VersionError::Malformed { text: text.to_owned() };
    let (major, minor, _) = parts(text).ok_or_else(malformed)?;
    match (major, minor) < OLDEST {
        true => Err(VersionError::TooOld { text: text.to_owned() }),
        false => Ok(()),
    }
}

/// What is particular about a version that [`check_version`] takes.
pub fn settings(version: &str) -> &'static Settings {
    let newest = &TABLE[TABLE.len() - 1];
    let Some((major, minor, _)) = parts(version) else { return newest };
    TABLE.iter().rev().find(|row| row.since <= (major, minor)).unwrap_or(&TABLE[0])
}

/// Why a node of the version `have` cannot be in a cluster whose first control plane has `want`; `None`
/// where it can.
///
/// ```
/// use kipod_engine::kubernetes::skew;
/// use kipod_engine::kubernetes::Role;
///
/// assert_eq!(skew(Role::Worker, "v1.34.9", "v1.36.2"), None);
/// assert_eq!(
///     skew(Role::Worker, "v1.36.2", "v1.34.9").unwrap(),
///     "a worker may not be newer than the control plane, which has v1.34.9"
/// );
/// ```
pub fn skew(role: Role, have: &str, want: &str) -> Option<String> {
    let minor = |version| parts(version).map(|(major, minor, _)| (major, minor));
    let (kubelet, control_plane) = (minor(have)?, minor(want)?);
    match role {
        Role::ControlPlane if kubelet != control_plane => {
            Some(format!("every control plane has to have the first one's minor version, {want}"))
        }
        Role::Worker if kubelet > control_plane => {
            Some(format!("a worker may not be newer than the control plane, which has {want}"))
        }
        Role::Worker
            if kubelet.0 != control_plane.0 || kubelet.1 + KUBELET_SKEW < control_plane.1 =>
        {
            Some(format!(
                "a worker may be {KUBELET_SKEW} minor versions older than the control plane at most, which has {want}"
            ))
        }
        _ => None,
    }
}

/// Whether `version` is what `wanted` asks for: `1.35` means any of that minor version, `1.35.6` or
/// `v1.35.6` that one.
pub(crate) fn is_wanted(version: &Version, wanted: &str) -> bool {
    parts(wanted).is_some_and(|(major, minor, exact)| {
        exact.map_or((version.major, version.minor) == (major, minor), |one| one == *version)
    })
}

/// Major and minor version, and the whole of it where all three numbers are given.
fn parts(text: &str) -> Option<(u64, u64, Option<Version>)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    if let Ok(version) = Version::parse(text) {
        return Some((version.major, version.minor, Some(version)));
    }
    let version = Version::parse(&format!("{text}.0")).ok()?;
    (version.pre.is_empty() && version.build.is_empty()).then_some((
        version.major,
        version.minor,
        None,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_version_is_said() {
        for bad in ["", "1", "latest", "v1.x", "1.36-rc", "1.36.2.1", "stable"] {
            let error = check_version(bad).unwrap_err();
            assert!(matches!(error, VersionError::Malformed { .. }), "{bad}: {error}");
        }
        for old in ["1.30", "v1.30.14", "1.31", "0.9"] {
            let error = check_version(old).unwrap_err();
            assert!(matches!(error, VersionError::TooOld { .. }), "{old}: {error}");
        }
    }

    #[test]
    fn each_version_has_its_row() {
        assert!(TABLE.is_sorted_by(|one, next| one.since < next.since));
        let etcd = |version| settings(version).no_initial_corruption_check.0;
        for (version, flag) in [
            ("v1.32.0", "experimental-initial-corrupt-check"),
            ("v1.33.12", "experimental-initial-corrupt-check"),
            ("v1.34.0-rc.1", "feature-gates"),
            ("1.35", "feature-gates"),
            ("v1.36.2+k3", "feature-gates"),
            ("v1.99.0", "feature-gates"),
        ] {
            assert_eq!(etcd(version), flag, "{version}");
            let progress = settings(version).watch_progress_argument;
            assert_eq!(progress.starts_with("experimental-"), flag.starts_with("experimental-"));
            assert_eq!(settings(version).kubeadm_api, "kubeadm.k8s.io/v1beta4");
        }
    }

    #[test]
    fn what_goes_together() {
        use Role::{ControlPlane, Worker};
        for (role, have, want, fits) in [
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
            assert_eq!(skew(role, have, want).is_none(), fits, "{role} {have} with {want}");
        }
    }
}
