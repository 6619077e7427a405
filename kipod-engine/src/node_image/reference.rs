//! References of node images: one name with a tag for each Kubernetes version.

use crate::kubernetes::{Version, VersionError};

/// The default name of node images, without a tag.
pub const DEFAULT_NAME: &str = "localhost/kipod-node";

/// Returns the tag for a Kubernetes version. A tag cannot contain a plus sign.
pub fn version_tag(kubernetes_version: &Version) -> String {
    kubernetes_version.to_string().replace('+', "_")
}

/// Returns the newest node image among `references` with the version `wanted`: `1.35` matches any patch
/// version, `1.35.6` and `v1.35.6` only that one.
///
/// # Errors
///
/// [`VersionError::TooOld`] for an unsupported version.
///
/// ```
/// use kipod_engine::node_image::newest_of_version;
///
/// let all = ["localhost/kipod-node:v1.35.6", "localhost/kipod-node:v1.35.10"].map(str::to_owned);
/// let found = |wanted: &str| newest_of_version(&all, &wanted.parse().unwrap()).unwrap();
/// assert_eq!(found("1.35"), Some("localhost/kipod-node:v1.35.10"));
/// assert_eq!(found("1.35.6"), Some("localhost/kipod-node:v1.35.6"));
/// assert_eq!(found("1.36"), None);
/// ```
pub fn newest_of_version<'a>(
    references: &'a [String],
    wanted: &Version,
) -> Result<Option<&'a str>, VersionError> {
    wanted.check_supported()?;
    let version = |reference: &'a String| {
        let version = version_of(reference)?;
        wanted.matches(&version).then_some((version, reference.as_str()))
    };
    Ok(references.iter().filter_map(version).max().map(|(_, reference)| reference))
}

/// Returns the version in the reference of a node image; `None` for `latest` and other images.
pub(super) fn version_of(reference: &str) -> Option<Version> {
    let tag = reference.strip_prefix(DEFAULT_NAME)?.strip_prefix(':')?;
    let version: Version = tag.replace('_', "+").parse().ok()?;
    (version.is_complete() && tag.starts_with('v')).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_release_wins_over_prereleases() {
        let all = [
            "localhost/kipod-node:latest",
            "localhost/kipod-node:v1.35",
            "localhost/kipod-node:v1.35.0-rc.1",
            "localhost/kipod-node:v1.35.0",
            "localhost/other:v1.35.9",
        ]
        .map(str::to_owned);
        let found = |wanted: &str| newest_of_version(&all, &wanted.parse().unwrap()).unwrap();
        assert_eq!(found("v1.35"), Some("localhost/kipod-node:v1.35.0"));
        assert_eq!(found("1.35.0-rc.1"), Some("localhost/kipod-node:v1.35.0-rc.1"));
        assert_eq!(found("1.34"), None);
        assert_eq!(version_tag(&"v1.36.2+k3".parse().unwrap()), "v1.36.2_k3");
    }
}
