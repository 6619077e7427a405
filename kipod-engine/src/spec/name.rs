//! Cluster names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The maximum length: `NAME-control-plane-0` is a host name label of at most 63 characters (RFC 1123,
/// section 2.1). `kipod-NAME` is shorter.
const MAX_LENGTH: usize = 63 - "-control-plane-0".len();

/// The name of a cluster: 1 to 47 characters of `a-z`, `0-9` and `-`, without `-` at the start or end.
///
/// Names of nodes, networks and kubeconfig contexts are derived from it. The default is `kipod`.
///
/// ```
/// use kipod_engine::spec::ClusterName;
///
/// let name: ClusterName = "dev".parse().unwrap();
/// assert_eq!(name.context(), "kipod-dev");
/// assert_eq!(
///     "Dev_".parse::<ClusterName>().unwrap_err().to_string(),
///     "invalid cluster name `Dev_`: has `D`, `_`, where only a-z, 0-9 and - are allowed"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterName(String);

/// An error of the name of a cluster or registry, with all its problems.
///
/// ```
/// use kipod_engine::ClusterName;
///
/// let error = ClusterName::new("-dev_").unwrap_err();
/// assert_eq!(
///     error.problems(),
///     ["has `_`, where only a-z, 0-9 and - are allowed", "starts with `-`"]
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} name `{name}`: {}", .problems.join("; "))]
pub struct NameError {
    /// `cluster` or `registry`.
    kind: &'static str,
    name: String,
    problems: Vec<String>,
}

impl NameError {
    /// Returns the same error for the name of a registry, to which the same rules apply.
    pub(crate) fn of_registry(self) -> Self {
        Self { kind: "registry", ..self }
    }

    /// Returns all problems, such as "starts with `-`".
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl ClusterName {
    /// Validates a name.
    ///
    /// # Errors
    ///
    /// [`NameError`] with all problems of the name.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        let problems = problems(&name);
        match problems.is_empty() {
            true => Ok(Self(name)),
            false => Err(NameError { kind: "cluster", name, problems }),
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the context, cluster and user in a kubeconfig: `kipod-NAME`.
    pub fn context(&self) -> String {
        format!("kipod-{}", self.0)
    }
}

fn problems(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec!["is empty".to_owned()];
    }
    let mut problems = Vec::new();
    let length = name.chars().count();
    if length > MAX_LENGTH {
        problems.push(format!("has {length} characters, the maximum is {MAX_LENGTH}"));
    }
    let mut invalid: Vec<String> = Vec::new();
    for c in name.chars().filter(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        let shown = format!("`{}`", c.escape_debug());
        if !invalid.contains(&shown) {
            invalid.push(shown);
        }
    }
    if !invalid.is_empty() {
        problems.push(format!("has {}, where only a-z, 0-9 and - are allowed", invalid.join(", ")));
    }
    if name.starts_with('-') {
        problems.push("starts with `-`".to_owned());
    }
    if name.ends_with('-') {
        problems.push("ends with `-`".to_owned());
    }
    problems
}

impl Default for ClusterName {
    fn default() -> Self {
        Self("kipod".to_owned())
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClusterName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for ClusterName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<ClusterName> for String {
    fn from(name: ClusterName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_names_are_kept() {
        let longest = "a".repeat(47);
        for name in ["kipod", "a", "0", "dev-2", "a--b", longest.as_str()] {
            let parsed: ClusterName = name.parse().unwrap();
            assert_eq!(parsed.to_string(), name);
            assert!(format!("{name}-control-plane-0").len() <= 63);
            assert!(parsed.context().len() <= 63);
        }
    }

    #[test]
    fn error_lists_all_problems_of_a_name() {
        let invalid = "where only a-z, 0-9 and - are allowed";
        let cases: &[(&str, &[String])] = &[
            ("", &["is empty".into()]),
            ("-", &["starts with `-`".into(), "ends with `-`".into()]),
            ("Dev", &[format!("has `D`, {invalid}")]),
            ("a.b/c.d", &[format!("has `.`, `/`, {invalid}")]),
            ("a\nb", &[format!("has `\\n`, {invalid}")]),
            ("é-", &[format!("has `é`, {invalid}"), "ends with `-`".into()]),
        ];
        for (name, problems) in cases {
            assert_eq!(ClusterName::new(*name).unwrap_err().problems(), *problems, "{name:?}");
        }
        let error = ClusterName::new(format!("-{}_", "x".repeat(46))).unwrap_err();
        assert_eq!(error.problems().len(), 3, "{error}");
        assert_eq!(error.problems()[0], "has 48 characters, the maximum is 47");
    }

    #[test]
    fn deserialisation_validates_the_name() {
        assert_eq!(serde_json::from_str::<ClusterName>("\"dev\"").unwrap().as_str(), "dev");
        assert!(serde_json::from_str::<ClusterName>("\"Dev\"").is_err());
    }
}
