//! References of container images.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The maximum length of a repository, including the registry.
const MAX_REPOSITORY: usize = 255;
/// The maximum length of a tag in the OCI distribution specification.
const MAX_TAG: usize = 128;

/// The reference of a container image: `[REGISTRY[:PORT]/]PATH[:TAG][@ALGORITHM:DIGEST]`, as in the
/// OCI distribution specification. The default is `localhost/kipod-node:latest`.
///
/// ```
/// use kipod_engine::spec::ImageReference;
///
/// assert_eq!(ImageReference::default().as_str(), "localhost/kipod-node:latest");
/// assert_eq!(
///     "Kipod/node".parse::<ImageReference>().unwrap_err().to_string(),
///     "`Kipod/node` is not an image reference: `Kipod` has characters other than a-z, 0-9 and single separators (. _ __ -)"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference(String);

/// An error of an image reference: the text is not one.
///
/// ```
/// use kipod_engine::spec::ImageReference;
///
/// let error = "quay.io/app:".parse::<ImageReference>().unwrap_err();
/// assert!(error.to_string().starts_with("`quay.io/app:` is not an image reference: "), "{error}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an image reference: {problem}")]
pub struct ImageError {
    text: String,
    problem: Problem,
}

/// The first problem of an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("it is empty")]
    Empty,
    #[error("the repository is longer than {MAX_REPOSITORY} characters")]
    Length,
    #[error("`{0}` is not a registry host name")]
    Host(String),
    #[error("`{0}` is not a registry port")]
    Port(String),
    #[error("the path has an empty component")]
    EmptyComponent,
    #[error("`{0}` has characters other than a-z, 0-9 and single separators (. _ __ -)")]
    Component(String),
    #[error("`{0}` is not a tag of up to {MAX_TAG} characters A-Z, a-z, 0-9, _, . and -")]
    Tag(String),
    #[error("`{0}` is not a digest, such as `sha256:` and 64 hexadecimal digits")]
    Digest(String),
}

impl ImageReference {
    /// Returns the reference as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ImageReference {
    fn default() -> Self {
        Self("localhost/kipod-node:latest".to_owned())
    }
}

impl FromStr for ImageReference {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        match check(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(problem) => Err(ImageError { text: text.to_owned(), problem }),
        }
    }
}

fn check(text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    let (named, digest) = match text.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash starts the port of the registry.
    let start = named.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match named[start..].split_once(':') {
        Some((last, tag)) => (&named[..start + last.len()], Some(tag)),
        None => (named, None),
    };
    if repository.len() > MAX_REPOSITORY {
        return Err(Problem::Length);
    }
    let path = match repository.split_once('/') {
        Some((first, path)) if is_registry(first) => {
            check_registry(first)?;
            path
        }
        _ => repository,
    };
    path.split('/').try_for_each(check_component)?;
    tag.map_or(Ok(()), check_tag)?;
    digest.map_or(Ok(()), check_digest)
}

/// Returns whether the text before the first slash is a registry, not part of the path.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':'])
}

fn check_registry(registry: &str) -> Result<(), Problem> {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let valid = match v6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(label),
    };
    if !valid {
        return Err(Problem::Host(host.to_owned()));
    }
    match port {
        Some(port) if port.parse::<u16>().is_err() => Err(Problem::Port(port.to_owned())),
        _ => Ok(()),
    }
}

fn check_component(component: &str) -> Result<(), Problem> {
    if component.is_empty() {
        return Err(Problem::EmptyComponent);
    }
    let words = component.split(['.', '_', '-']);
    // A separator is one dot, one or two underscores, or any number of dashes.
    let separated = |component: &str| {
        let separators = component.split(|c: char| c.is_ascii_alphanumeric());
        separators
            .filter(|run| !run.is_empty())
            .all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
    };
    let edges = component.starts_with(['.', '_', '-']) || component.ends_with(['.', '_', '-']);
    let plain = words.flat_map(str::bytes).all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if plain && !edges && separated(component) {
        Ok(())
    } else {
        Err(Problem::Component(component.to_owned()))
    }
}

fn check_tag(tag: &str) -> Result<(), Problem> {
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let later = |b: u8| first(b) || b == b'.' || b == b'-';
    let valid = tag.bytes().enumerate().all(|(at, b)| if at == 0 { first(b) } else { later(b) });
    if tag.is_empty() || tag.len() > MAX_TAG || !valid {
        return Err(Problem::Tag(tag.to_owned()));
    }
    Ok(())
}

fn check_digest(digest: &str) -> Result<(), Problem> {
    let valid = match digest.split_once(':') {
        Some(("sha256", hex)) => is_hex(hex, 64),
        Some(("sha512", hex)) => is_hex(hex, 128),
        _ => false,
    };
    if valid { Ok(()) } else { Err(Problem::Digest(digest.to_owned())) }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ImageReference {
    type Error = ImageError;

    fn try_from(text: String) -> Result<Self, ImageError> {
        text.parse()
    }
}

impl From<ImageReference> for String {
    fn from(reference: ImageReference) -> Self {
        reference.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_references_are_kept() {
        let digest = format!("quay.io/a/b@sha256:{}", "0f".repeat(32));
        for text in [
            "localhost/kipod-node:latest",
            "kipod-node",
            "a/b/c",
            "localhost:5000/node:v1.36.2",
            "[::1]:5000/node",
            "Registry.Example.com/node",
            "node:1.36_a-B",
            "my__node/x-y--z.w",
            digest.as_str(),
        ] {
            assert_eq!(text.parse::<ImageReference>().unwrap().as_str(), text);
        }
        assert!(ImageReference::default().as_str().parse::<ImageReference>().is_ok());
    }

    #[test]
    fn errors_name_the_problem() {
        let long = format!("a/{}", "b".repeat(254));
        let cases = [
            ("a b", "`a b` has characters"),
            ("Node", "`Node` has characters"),
            ("-node", "`-node` has characters"),
            ("no..de", "`no..de` has characters"),
            ("no_-de", "`no_-de` has characters"),
            ("node ", "`node ` has characters"),
            ("a//b", "the path has an empty component"),
            ("/a", "the path has an empty component"),
            ("node:", "`` is not a tag"),
            ("node:-x", "`-x` is not a tag"),
            ("node:a:b", "`a:b` is not a tag"),
            ("reg.io:http/node", "`http` is not a registry port"),
            ("-reg.io/node", "`-reg.io` is not a registry host name"),
            ("[::x]:1/node", "`[::x]` is not a registry host name"),
            ("node@sha256:12", "`sha256:12` is not a digest"),
            (long.as_str(), "the repository is longer"),
        ];
        for (text, reason) in cases {
            let error = text.parse::<ImageReference>().unwrap_err();
            let actual = error.problem.to_string();
            assert!(actual.starts_with(reason), "{text}: {actual}");
        }
        let empty = "".parse::<ImageReference>().unwrap_err();
        assert_eq!(empty.to_string(), "`` is not an image reference: it is empty");
    }
}
