//! Node images of several Kubernetes versions, side by side: one name, a tag for each version.

use semver::Version;

use crate::kubernetes::{VersionError, check_version, is_wanted};

/// The name that node images have unless they are given another one.
pub const DEFAULT_NAME: &str = "localhost/kipod-node";

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
/// use kipod_engine::node_image::of_version;
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
    let version = |reference: &'a String| {
        let version = of_reference(reference)?;
        is_wanted(&version, wanted).then_some((version, reference.as_str()))
    };
    Ok(references.iter().filter_map(version).max().map(|(_, reference)| reference))
}

/// The version that a node image's reference names; `None` for `latest`, and for other images.
pub(super) fn of_reference(reference: &str) -> Option<Version> {
    let tag = reference.strip_prefix(DEFAULT_NAME)?.strip_prefix(":v")?;
    Version::parse(&tag.replace('_', "+")).ok()
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
        let found = |wanted| of_version(&all, wanted).unwrap();
        assert_eq!(found("v1.35"), Some("localhost/kipod-node:v1.35.0"));
        assert_eq!(found("1.35.0-rc.1"), Some("localhost/kipod-node:v1.35.0-rc.1"));
        assert_eq!(found("1.34"), None);
        assert_eq!(tag("v1.36.2+k3"), "v1.36.2_k3");
    }
}
