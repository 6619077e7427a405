//! A Kubernetes version.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The oldest supported minor version, with which the table of settings starts.
pub(super) const OLDEST: (u64, u64) = (1, 32);

/// A Kubernetes version: `v1.36.2`, or `v1.36` for any patch release of that minor version.
///
/// It is parsed with or without the leading `v` and displayed with it.
///
/// ```
/// use kipod_engine::kubernetes::Version;
///
/// let wanted: Version = "1.36".parse()?;
/// assert_eq!(wanted.to_string(), "v1.36");
/// assert!(wanted.matches(&"v1.36.2".parse()?));
/// assert!(!wanted.matches(&"v1.35.6".parse()?));
/// # Ok::<(), kipod_engine::kubernetes::VersionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    version: semver::Version,
    has_patch: bool,
}

/// An error of a Kubernetes version: the text is not a version, or kipod does not support the version.
///
/// ```
/// use kipod_engine::kubernetes::{Version, VersionError};
///
/// let newest: Result<Version, _> = "newest".parse();
/// assert!(matches!(newest, Err(VersionError::Malformed { text }) if text == "newest"));
///
/// let old: Version = "1.30".parse()?;
/// assert!(matches!(old.check_supported(), Err(VersionError::TooOld { .. })));
/// # Ok::<(), VersionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// The text is not a version.
    #[error("`{text}` is not a Kubernetes version, such as `1.36` or `v1.36.2`")]
    Malformed {
        /// The text.
        text: String,
    },
    /// The version is older than the oldest supported one.
    #[error(
        "Kubernetes {version} is not supported: the oldest supported version is {}.{}, the first whose kubeadm can patch cluster DNS", OLDEST.0, OLDEST.1
    )]
    TooOld {
        /// The version.
        version: Version,
    },
}

impl Version {
    /// Returns the major and minor version.
    pub fn minor(&self) -> (u64, u64) {
        (self.version.major, self.version.minor)
    }

    /// Returns whether `version` is this version. A version without a patch number matches every
    /// patch release of its minor version.
    pub fn matches(&self, version: &Self) -> bool {
        if self.has_patch { self == version } else { self.minor() == version.minor() }
    }

    /// Checks that kipod can create nodes of this version. Versions newer than the newest tested one
    /// are accepted.
    ///
    /// # Errors
    ///
    /// [`VersionError::TooOld`].
    ///
    /// ```
    /// use kipod_engine::kubernetes::Version;
    ///
    /// let version = |text: &str| text.parse::<Version>().unwrap();
    /// assert!(version("v1.36.2").check_supported().is_ok());
    /// assert_eq!(
    ///     version("1.30.4").check_supported().unwrap_err().to_string(),
    ///     "Kubernetes v1.30.4 is not supported: the oldest supported version is 1.32, the first whose kubeadm can patch cluster DNS"
    /// );
    /// ```
    pub fn check_supported(&self) -> Result<(), VersionError> {
        match self.minor() < OLDEST {
            true => Err(VersionError::TooOld { version: self.clone() }),
            false => Ok(()),
        }
    }

    /// Returns whether the version has a patch number.
    pub fn is_complete(&self) -> bool {
        self.has_patch
    }

    /// Returns the semantic version; `None` without a patch number.
    #[cfg(feature = "build")]
    pub(crate) fn as_semver(&self) -> Option<&semver::Version> {
        self.has_patch.then_some(&self.version)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let number = text.strip_prefix('v').unwrap_or(text);
        if let Ok(version) = semver::Version::parse(number) {
            return Ok(Self { version, has_patch: true });
        }
        match semver::Version::parse(&format!("{number}.0")) {
            Ok(version) if version.pre.is_empty() && version.build.is_empty() => {
                Ok(Self { version, has_patch: false })
            }
            _ => Err(VersionError::Malformed { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, has_patch } = self;
        match has_patch {
            true => write!(f, "v{version}"),
            false => write!(f, "v{}.{}", version.major, version.minor),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl From<semver::Version> for Version {
    fn from(version: semver::Version) -> Self {
        Self { version, has_patch: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_refuses_malformed_versions() {
        for text in ["", "1", "latest", "v1.x", "1.36-rc", "1.36.2.1", "stable"] {
            let error = text.parse::<Version>().unwrap_err();
            assert!(matches!(error, VersionError::Malformed { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn check_refuses_old_versions() {
        for text in ["1.30", "v1.30.14", "1.31", "0.9"] {
            let error = text.parse::<Version>().unwrap().check_supported().unwrap_err();
            assert!(matches!(error, VersionError::TooOld { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn versions_are_displayed_and_serialised_with_v() {
        for (text, shown) in
            [("1.36.2", "v1.36.2"), ("v1.36", "v1.36"), ("v1.36.2-rc.1+k3", "v1.36.2-rc.1+k3")]
        {
            let version: Version = text.parse().unwrap();
            assert_eq!(version.to_string(), shown);
            let json = serde_json::to_string(&version).unwrap();
            assert_eq!(json, format!("\"{shown}\""));
            assert_eq!(serde_json::from_str::<Version>(&json).unwrap(), version);
        }
    }

    #[test]
    fn version_with_patch_matches_only_itself() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("1.35.6").matches(&version("v1.35.6")));
        assert!(!version("1.35.6").matches(&version("v1.35.7")));
        assert!(!version("1.35.0").matches(&version("v1.35.0-rc.1")));
    }
}
