//! The name of a cluster.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name: `NAME-control-plane-0` is a host name, and a label of one has at most 63
/// characters (RFC 1123, section 2.1). `kipod-NAME` is shorter.
const MAX_LENGTH: usize = 63 - "-control-plane-0".len();

/// The name of a cluster: a DNS label, short enough for what is derived from it.
///
/// It has 1 to 47 characters out of `a-z`, `0-9` and `-`, and neither starts nor ends with `-`. The
/// default is `kipod`.
///
/// ```
/// use kipod_engine::spec::ClusterName;
///
/// let name: ClusterName = "dev".parse().unwrap();
/// assert_eq!(name.context(), "kipod-dev");
/// assert_eq!(
///     "Dev_".parse::<ClusterName>().unwrap_err().to_string(),
///     "cluster name `Dev_` has `D`, `_`, where only a-z, 0-9 and - may stand"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterName(String);

/// A name that no cluster can have, with all that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cluster name `{name}` {}", .faults.join("; "))]
pub struct NameError {
    name: String,
    faults: Vec<String>,
}

impl NameError {
    /// What is wrong with the name, each completing "the name ...".
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl ClusterName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// With all that is wrong with it at once.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        let faults = faults(&name);
        if faults.is_empty() { Ok(Self(name)) } else { Err(NameError { name, faults }) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the cluster's context, cluster and user are called in a kubeconfig: `kipod-NAME`.
    pub fn context(&self) -> String {
        format!("kipod-{}", self.0)
    }
}

fn faults(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec!["is empty".to_owned()];
    }
    let mut faults = Vec::new();
    let length = name.chars().count();
    if length > MAX_LENGTH {
        faults.push(format!("has {length} characters, {MAX_LENGTH} are the most"));
    }
    let mut strange: Vec<String> = Vec::new();
    for c in name.chars().filter(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        let shown = format!("`{}`", c.escape_debug());
        if !strange.contains(&shown) {
            strange.push(shown);
        }
    }
    if !strange.is_empty() {
        faults.push(format!("has {}, where only a-z, 0-9 and - may stand", strange.join(", ")));
    }
    if name.starts_with('-') {
        faults.push("starts with `-`".to_owned());
    }
    if name.ends_with('-') {
        faults.push("ends with `-`".to_owned());
    }
    faults
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
    fn good_names_stay_as_they_are() {
        let longest = "a".repeat(47);
        for name in ["kipod", "a", "0", "dev-2", "a--b", longest.as_str()] {
            let parsed: ClusterName = name.parse().unwrap();
            assert_eq!(parsed.to_string(), name);
            assert!(format!("{name}-control-plane-0").len() <= 63);
            assert!(parsed.context().len() <= 63);
        }
    }

    #[test]
    fn a_bad_name_gets_all_its_faults() {
        let strange = "where only a-z, 0-9 and - may stand";
        let cases: &[(&str, &[String])] = &[
            ("", &["is empty".into()]),
            ("-", &["starts with `-`".into(), "ends with `-`".into()]),
            ("Dev", &[format!("has `D`, {strange}")]),
            ("a.b/c.d", &[format!("has `.`, `/`, {strange}")]),
            ("a\nb", &[format!("has `\\n`, {strange}")]),
            ("é-", &[format!("has `é`, {strange}"), "ends with `-`".into()]),
        ];
        for (name, faults) in cases {
            assert_eq!(ClusterName::new(*name).unwrap_err().faults(), *faults, "{name:?}");
        }
        let error = ClusterName::new(format!("-{}_", "x".repeat(46))).unwrap_err();
        assert_eq!(error.faults().len(), 3, "{error}");
        assert_eq!(error.faults()[0], "has 48 characters, 47 are the most");
    }

    #[test]
    fn reading_json_checks() {
        assert_eq!(serde_json::from_str::<ClusterName>("\"dev\"").unwrap().as_str(), "dev");
        assert!(serde_json::from_str::<ClusterName>("\"Dev\"").is_err());
    }
}
