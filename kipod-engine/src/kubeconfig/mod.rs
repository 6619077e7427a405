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
mod read;
mod replace;
#[cfg(test)]
mod tests;
mod user;

pub use access::{ClusterAccess, Kubeconfig};
pub use error::KubeconfigError;
pub use user::{LOCK_TIMEOUT, PreparedMerge, UserKubeconfig};
