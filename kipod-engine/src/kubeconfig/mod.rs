//! A cluster's own kubeconfig, and its entries in the user's kubeconfig.
//!
//! [`Kubeconfig`] is the document of one cluster, created from [`ClusterAccess`]. [`UserKubeconfig`]
//! is the file or list of files that `kubectl` reads: a cluster's entries are merged into it at
//! creation, and removed from it at deletion.
//!
//! ```
//! use kipod_engine::kubeconfig::{ClusterAccess, Kubeconfig, UserKubeconfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let access = ClusterAccess {
//!     cluster_name: "dev".parse()?,
//!     server: "https://127.0.0.1:6443".into(),
//!     ca_pem: "-----BEGIN CERTIFICATE-----\n...".into(),
//!     client_cert_pem: "-----BEGIN CERTIFICATE-----\n...".into(),
//!     client_key_pem: "-----BEGIN PRIVATE KEY-----\n...".into(),
//! };
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("config");
//! let user = UserKubeconfig::at(&path);
//! user.merge(&Kubeconfig::new(access.clone()))?;
//! assert!(std::fs::read_to_string(&path)?.contains("current-context: kipod-dev"));
//!
//! assert!(user.remove(&access.cluster_name)?);
//! assert!(!user.remove(&access.cluster_name)?, "already removed");
//! # Ok(())
//! # }
//! ```

mod access;
#[doc(hidden)]
pub mod client;
mod document;
mod edit;
mod error;
mod location;
mod lock;
mod mentions;
mod replace;
#[cfg(test)]
mod tests;
mod user;

pub use access::{ClusterAccess, Kubeconfig};
pub use error::KubeconfigError;
pub use user::{LOCK_TIMEOUT, PreparedMerge, UserKubeconfig};

/// Parses and edits any kubeconfig, for fuzzing.
///
/// # Panics
///
/// If an edited document is written as another one.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn parse_any(bytes: &[u8]) {
    use crate::util::yaml::{Node, Value};

    let text = String::from_utf8_lossy(bytes);
    let _ = Kubeconfig::from_yaml(&text);
    lock::parse_any(&text);
    let Ok(mut document) = document::Document::parse(&text) else { return };
    for section in document::SECTIONS {
        document.put(section, "kipod-fuzz", Node::from(Value::Map(Vec::new())));
    }
    document.set_current_context("kipod-fuzz");
    let Ok(written) = document.render() else { return };
    let mut again = document::Document::parse(&written).expect("the written text can be parsed");
    assert_eq!(again, document, "{written}");
    for section in document::SECTIONS {
        again.remove(section, "kipod-fuzz");
        assert!(!again.has(section, "kipod-fuzz"));
    }
    let _ = again.render();
}
