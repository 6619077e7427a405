//! How clients reach a cluster: its own kubeconfig, and its entries in the user's kubeconfig.
//!
//! [`Kubeconfig`] is the document of one cluster, made from [`ClusterAccess`]. [`UserKubeconfig`] is
//! the file or files that `kubectl` reads for this user: a cluster is merged into it when it is
//! created, and removed from it when it is deleted.
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
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("config");
//! let user = UserKubeconfig::at(&path);
//! user.merge(&Kubeconfig::new(access.clone()))?;
//! assert!(std::fs::read_to_string(&path)?.contains("current-context: kipod-dev"));
//!
//! assert!(user.remove(&access.cluster_name)?);
//! assert!(!user.remove(&access.cluster_name)?, "nothing is left to be removed");
//! # Ok(())
//! # }
//! ```

mod access;
pub mod client;
mod document;
mod error;
mod location;
mod lock;
mod replace;
#[cfg(test)]
mod tests;
mod user;

pub use access::{ClusterAccess, Kubeconfig};
pub use error::KubeconfigError;
pub use user::{LOCK_WAIT, UserKubeconfig};
