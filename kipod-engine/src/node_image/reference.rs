//! Node images of several Kubernetes versions, side by side: one name, a tag for each version.

use crate::kubernetes::{Version, VersionError};

/// The name that node images have unless they are given another one.
pub const DEFAULT_NAME: &str = "localhost/kipod-node";

/// The tag of a node image by the version inside. A tag takes no plus sign.
pub fn tag(kubernetes_version: &Version) -> String {
    kubernetes_version.to_string().replace('+', "_")
}

/// The reference of the newest node image among `references` that has the version `wanted`: `1.35`
/// means any of that minor version, `1.35.6` or `v1.35.6` that one.
///
/// # Errors
///
/// [`VersionError::TooOld`] for an unsupported version.
///
/// ```
/// use kipod_engine::node_image::of_version;
///
/// let all = ["localhost/kipod-node:v1.35.6", "localhost/kipod-node:v1.35.10"].map(str::to_owned);
/// let found = |wanted: &str| of_version(&all, &wanted.parse().unwrap()).unwrap();
/// assert_eq!(found("1.35"), Some("localhost/kipod-node:v1.35.10"));
/// assert_eq!(found("1.35.6"), Some("localhost/kipod-node:v1.35.6"));
/// assert_eq!(found("1.36"), None);
/// ```
pub fn of_version<'a>(
    references: &'a [String],
    wanted: &Version,
) -> Result<Option<&'a str>, VersionError> {
    wanted.check_supported()?;
    let version = |reference: &'a String| {
        let version = of_reference(reference)?;
        wanted.matches(&version).then_some((version, reference.as_str()))
    };
    Ok(references.iter().filter_map(version).max().map(|(_, reference)| reference))
}

/// The version that a node image's reference names; `None` for `latest`, and for other images.
pub(super) fn of_reference(reference: &str) -> Option<Version> {
    let tag = reference.strip_prefix(DEFAULT_NAME)?.strip_prefix(':')?;
    let version: Version = tag.replace('_', "+").parse().ok()?;
    (version.is_complete() && tag.starts_with('v')).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let found = |wanted: &str| of_version(&all, &wanted.parse().unwrap()).unwrap();
        assert_eq!(found("v1.35"), Some("localhost/kipod-node:v1.35.0"));
        assert_eq!(found("1.35.0-rc.1"), Some("localhost/kipod-node:v1.35.0-rc.1"));
        assert_eq!(found("1.34"), None);
        assert_eq!(tag(&"v1.36.2+k3".parse().unwrap()), "v1.36.2_k3");
    }
}
