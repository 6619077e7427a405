//! The name of a registry.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::spec::{ClusterName, NameError};

/// The name of a registry, and of its container and volume. The rules of cluster names apply; the default
/// is `kipod-registry`.
///
/// ```
/// use kipod_engine::RegistryName;
///
/// assert_eq!(RegistryName::default().as_str(), "kipod-registry");
/// assert_eq!(
///     "a_b".parse::<RegistryName>().unwrap_err().to_string(),
///     "invalid registry name `a_b`: has `_`, where only a-z, 0-9 and - are allowed"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RegistryName(String);

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
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match ClusterName::new(name) {
            Ok(name) => Ok(Self(name.into())),
            Err(error) => Err(error.of_registry()),
        }
    }
}
