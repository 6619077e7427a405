//! Who is using a cluster, and who is working on one: locks that the kernel drops when their holder
//! dies, however it dies. No age and no process number decides anything here.
//!
//! The `NameLock` is held by whoever creates, changes or deletes the cluster of one name, the
//! `ImagesLock` by whoever loads images into it, the `ChoiceLock` by whoever chooses what no other
//! cluster has. What tests add to that is in [`ClusterFiles`]: the *gate*, locked shared by who looks
//! whether the cluster is there, and exclusively by who creates or deletes it for tests; the *lease*,
//! locked shared by everyone who uses the cluster, for the life of the process; and the *state*, which
//! says how far the cluster is, so that whoever comes after a kill knows what to clean up.

mod choice;
mod files;
mod lock;
mod name;
mod phase;

pub(crate) use choice::ChoiceLock;
pub use files::ClusterFiles;
pub(crate) use lock::RemoveOnDrop;
pub use lock::{LeaseError, Lock};
pub use name::LockError;
pub(crate) use name::{ImagesLock, NameLock, all as all_name_locks};
pub use phase::{Kept, Phase};
