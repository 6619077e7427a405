//! Locks of clusters. The kernel releases a lock when its holder ends, also if it is killed, so no
//! age and no process id decides whether a cluster is in use.
//!
//! The `NameLock` is held while the cluster of one name is created, changed or deleted, the
//! `ImagesLock` while images are loaded into it, and the `AllocationLock` while a port of the API
//! server and an address of Services are chosen. Clusters that tests share have further files,
//! [`ClusterFiles`]: the *gate* is locked shared to look up the cluster, and exclusively to create or
//! delete it; the *lease* is locked shared by each process that uses the cluster; and the *state*
//! contains the [`Phase`] of the cluster, so that the next process can clean up after one that was
//! killed.

mod allocation;
mod files;
mod lock;
mod name;
mod phase;

pub(crate) use allocation::AllocationLock;
pub use files::ClusterFiles;
pub(crate) use lock::RemoveOnDrop;
pub use lock::{LeaseError, Lock};
pub use name::LockError;
pub(crate) use name::{ImagesLock, NameLock, all as all_name_locks};
pub use phase::{Kept, Phase};
