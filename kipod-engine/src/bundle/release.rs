//! Requested versions (`stable`, `1.36`) and the exact releases they resolve to.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use kipod_images::versions;
use semver::Version;

use super::arch::Arch;
use super::error::BundleError;
use crate::kubernetes;

/// A requested version of Kubernetes or CRI-O. The default is the Kubernetes version that kipod is tested
/// with.
///
/// ```
/// use kipod_engine::{Version, VersionRequest};
///
/// assert_eq!("stable".parse::<VersionRequest>()?, VersionRequest::Stable);
/// let version: Version = "1.36".parse()?;
/// assert_eq!("v1.36".parse::<VersionRequest>()?, version.into());
/// assert_eq!("newest".parse::<VersionRequest>().unwrap_err().to_string(), "`newest` is not a version");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionRequest {
    /// The newest release: `stable`.
    Stable,
    /// The release with this version, or without a patch number, such as `1.36`, the newest release of the
    /// minor version.
    Version(kubernetes::Version),
}

impl Default for VersionRequest {
    fn default() -> Self {
        Self::Version(pinned(versions::KUBERNETES).into())
    }
}

impl From<kubernetes::Version> for VersionRequest {
    fn from(version: kubernetes::Version) -> Self {
        Self::Version(version)
    }
}

impl std::fmt::Display for VersionRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stable => f.write_str("stable"),
            Self::Version(version) => version.fmt(f),
        }
    }
}

impl FromStr for VersionRequest {
    type Err = BundleError;

    fn from_str(text: &str) -> Result<Self, BundleError> {
        match text {
            "stable" => Ok(Self::Stable),
            _ => {
                let invalid = |_| BundleError::InvalidVersion { text: text.to_owned() };
                Ok(Self::Version(text.parse().map_err(invalid)?))
            }
        }
    }
}

/// The exact versions and the architecture of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Kubernetes' version.
    pub kubernetes: Version,
    /// CRI-O's version.
    pub crio: Version,
    /// The architecture of the programs.
    pub arch: Arch,
}

impl Release {
    /// Returns the versions kipod is tested with.
    pub fn pinned(arch: Arch) -> Self {
        Self { kubernetes: pinned(versions::KUBERNETES), crio: pinned(versions::CRIO), arch }
    }

    /// Returns the directory of the downloaded bundle in kipod's cache directory:
    /// `bundles/v1.36.2-v1.36.3-amd64`.
    pub fn dir(&self, cache: &Path) -> PathBuf {
        let Self { kubernetes, crio, arch } = self;
        cache.join("bundles").join(format!("v{kubernetes}-v{crio}-{arch}"))
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kubernetes, crio, arch } = self;
        write!(f, "Kubernetes v{kubernetes} with CRI-O v{crio} for {arch}")
    }
}

/// Parses a pinned version. A unit test parses all of them.
pub(super) fn pinned(version: &str) -> Version {
    let version: kubernetes::Version = version.parse().expect("pinned versions are versions");
    version.as_semver().expect("pinned versions have a patch number").clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::Hint;

    #[test]
    fn pinned_versions_are_versions() {
        let release = Release::pinned(Arch::Amd64);
        assert_eq!(VersionRequest::default().to_string(), format!("v{}", release.kubernetes));
        assert_eq!(
            release.dir(Path::new("/c")).to_str().unwrap(),
            format!("/c/bundles/{}-{}-amd64", versions::KUBERNETES, versions::CRIO)
        );
    }

    #[test]
    fn request_rejects_texts_other_than_versions() {
        for bad in
            ["", "v", "1", "1.", "1.36.2.1", "../x", "1.36/..", "stable ", "1.36-rc", "newest"]
        {
            let error = bad.parse::<VersionRequest>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{bad}` is not a version"));
            assert!(error.hint().unwrap().contains("stable"), "{bad}");
        }
        for good in ["v1.37.0-rc.1", "v1.36", "stable"] {
            assert_eq!(good.parse::<VersionRequest>().unwrap().to_string(), good);
        }
    }
}
