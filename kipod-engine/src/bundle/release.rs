//! Requested versions (`stable`, `1.36`) and the exact releases they resolve to.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use kipod_images::versions;
use semver::Version;

use super::arch::Arch;
use super::error::BundleError;
use crate::kubernetes;

/// A requested version. The default is the one kipod is tested with
/// ([`kipod_images::versions::KUBERNETES`]).
///
/// ```
/// use kipod_engine::bundle::VersionRequest;
///
/// assert_eq!("stable".parse::<VersionRequest>()?, VersionRequest::Stable);
/// assert_eq!("1.36".parse::<VersionRequest>()?, VersionRequest::Minor(1, 36));
/// assert_eq!("1.36.2".parse::<VersionRequest>()?, "v1.36.2".parse()?);
/// assert!("newest".parse::<VersionRequest>().is_err());
/// # Ok::<(), kipod_engine::bundle::BundleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionRequest {
    /// `stable`: the newest release.
    Stable,
    /// `1.36` or `v1.36`: the newest release of that minor version.
    Minor(u64, u64),
    /// `1.36.2` or `v1.36.2`: that release.
    Exact(Version),
}

impl Default for VersionRequest {
    fn default() -> Self {
        Self::Exact(pinned(versions::KUBERNETES))
    }
}

impl FromStr for VersionRequest {
    type Err = BundleError;

    fn from_str(text: &str) -> Result<Self, BundleError> {
        if text == "stable" {
            return Ok(Self::Stable);
        }
        let invalid = || BundleError::InvalidVersion { text: text.to_owned() };
        let version: kubernetes::Version = text.parse().map_err(|_| invalid())?;
        match version.as_semver() {
            Some(exact) if exact.build.is_empty() => Ok(Self::Exact(exact.clone())),
            Some(_) => Err(invalid()),
            None => {
                let (major, minor) = version.minor();
                Ok(Self::Minor(major, minor))
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
        let VersionRequest::Exact(default) = VersionRequest::default() else { panic!() };
        assert_eq!(default, release.kubernetes);
        assert_eq!(
            release.dir(Path::new("/c")).to_str().unwrap(),
            format!("/c/bundles/{}-{}-amd64", versions::KUBERNETES, versions::CRIO)
        );
    }

    #[test]
    fn request_rejects_texts_other_than_versions() {
        for bad in
            ["", "v", "1", "1.", "1.36.2.1", "../x", "1.36/..", "stable ", "1.36-rc", "1.36.0+x"]
        {
            let error = bad.parse::<VersionRequest>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{bad}` is not a version"));
            assert!(error.hint().unwrap().contains("stable"), "{bad}");
        }
        assert_eq!(
            "v1.37.0-rc.1".parse::<VersionRequest>().unwrap(),
            VersionRequest::Exact(Version::parse("1.37.0-rc.1").unwrap())
        );
        assert_eq!("v1.36".parse::<VersionRequest>().unwrap(), VersionRequest::Minor(1, 36));
    }
}
