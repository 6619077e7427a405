//! Node images of several Kubernetes versions, side by side: one name, a tag for each version.

use semver::Version;

/// The name that node images have unless they are given another one.
pub const DEFAULT_NAME: &str = "localhost/kipod-node";

/// The oldest Kubernetes whose kubeadm takes all that kipod gives it: `v1beta4` begins with 1.31, and
/// patches of cluster DNS with 1.32.
/// Source: kubeadm's reference, `--patches`, of 1.31 and 1.32.
const OLDEST: (u64, u64) = (1, 32);

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

/// Whether kipod can make a node of a Kubernetes version.
///
/// # Errors
///
/// When it is no version, or too old a one.
///
/// ```
/// use kipod_engine::image::check_version;
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

/// The tag of a node image by the version inside. A tag takes no plus sign.
pub fn tag(kubernetes_version: &str) -> String {
    kubernetes_version.replace('+', "_")
}

/// The reference of the newest node image among `references` that has the version `wanted`: `1.35`
/// means any of that minor version, `1.35.6` or `v1.35.6` that one.
///
/// # Errors
///
/// When `wanted` is no version, or too old a one.
///
/// ```
/// use kipod_engine::image::of_version;
///
/// let all = ["localhost/kipod-node:v1.35.6", "localhost/kipod-node:v1.35.10"].map(str::to_owned);
/// assert_eq!(of_version(&all, "1.35").unwrap(), Some("localhost/kipod-node:v1.35.10"));
/// assert_eq!(of_version(&all, "1.35.6").unwrap(), Some("localhost/kipod-node:v1.35.6"));
/// assert_eq!(of_version(&all, "1.36").unwrap(), None);
/// ```
pub fn of_version<'a>(
    references: &'a [String],
    wanted: &str,
) -> Result<Option<&'a str>, VersionError> {
    check_version(wanted)?;
    let Some((major, minor, exact)) = parts(wanted) else { return Ok(None) };
    let version = |reference: &'a String| {
        let tag = reference.strip_prefix(DEFAULT_NAME)?.strip_prefix(":v")?;
        let version = Version::parse(&tag.replace('_', "+")).ok()?;
        let same = exact
            .as_ref()
            .map_or((version.major, version.minor) == (major, minor), |one| *one == version);
        same.then_some((version, reference.as_str()))
    };
    Ok(references.iter().filter_map(version).max().map(|(_, reference)| reference))
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
        for old in ["1.30", "v1.30.14", "0.9"] {
            let error = check_version(old).unwrap_err();
            assert!(matches!(error, VersionError::TooOld { .. }), "{old}: {error}");
        }
    }

    #[test]
    fn only_tags_of_versions_count_and_releases_win() {
        let all = [
            "localhost/kipod-node:latest",
            "localhost/kipod-node:v1.35",
            "localhost/kipod-node:v1.35.0-rc.1",
            "localhost/kipod-node:v1.35.0",
            "localhost/other:v1.35.9",
        ]
        .map(str::to_owned);
        let found = |wanted| of_version(&all, wanted).unwrap();
        assert_eq!(found("v1.35"), Some("localhost/kipod-node:v1.35.0"));
        assert_eq!(found("1.35.0-rc.1"), Some("localhost/kipod-node:v1.35.0-rc.1"));
        assert_eq!(found("1.34"), None);
        assert_eq!(tag("v1.36.2+k3"), "v1.36.2_k3");
    }
}
