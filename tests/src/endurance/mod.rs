//! Parts of the programs that repeat operations: `soak`, `chaos` and `race`.
//!
//! They run against the Podman of the current user, next to other clusters, and print one line per
//! operation. Their exit status is 0 if nothing failed.

pub mod chaos;
mod failures;
mod locks;
mod podman_service;
mod processes;
mod trend;
mod usage;
mod user_files;

pub use failures::Failures;
pub use locks::PodmanLocks;
pub use podman_service::PodmanService;
pub use processes::{kill, processes_with, wait_timeout};
pub use trend::Trend;
pub use usage::Usage;
pub use user_files::UserFiles;
