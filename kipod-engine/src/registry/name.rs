//! The name of a registry.

use std::fmt;
use std::str::FromStr;

use crate::spec::ClusterName;

/// The name of a registry, and of its container and volume. The rules of cluster names apply; the default
/// is `kipod-registry`.
///
/// ```
/// use kipod_engine::registry::RegistryName;
///
/// assert_eq!(RegistryName::default().as_str(), "kipod-registry");
/// assert_eq!(
///     "a_b".parse::<RegistryName>().unwrap_err().to_string(),
///     "invalid registry name `a_b`: has `_`, where only a-z, 0-9 and - are allowed"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryName(String);

/// An invalid name of a registry, with all its problems.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid registry name `{name}`: {}", .problems.join("; "))]
pub struct RegistryNameError {
    name: String,
    problems: Vec<String>,
}

impl RegistryName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RegistryName {
    fn default() -> Self {
        Self("kipod-registry".to_owned())
    }
}

impl fmt::Display for RegistryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RegistryName {
    type Err = RegistryNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match ClusterName::new(name) {
            Ok(name) => Ok(Self(name.to_string())),
            Err(error) => Err(RegistryNameError {
                name: name.to_owned(),
                problems: error.problems().to_vec(),
            }),
        }
    }
}
