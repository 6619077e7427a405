//! Facts about the host, and whether it can run clusters.
//!
//! [`HostFacts`] is plain data, which `kipod check` displays and from which clusters are planned. It
//! is read from `/proc`, `/sys`, `/etc` and `/dev`, the environment, and `podman info`. A [`Report`]
//! judges the facts: each [`Finding`] contains the observed state and, for a warning or failure, a
//! remedy for this distribution.
//!
//! ```no_run
//! # async fn example() {
//! let report = kipod_engine::host::check(None).await;
//! print!("{}", report.text(false));
//! std::process::exit(report.verdict.exit_code());
//! # }
//! ```

mod check;
mod facts;
mod inotify;
mod networks;
mod probe;
#[cfg(test)]
mod tests;

pub use check::{Finding, Report, Status, Unusable, Verdict, check};
pub(crate) use check::{INOTIFY_SYSCTL, check_cached};
#[doc(hidden)]
pub use facts::{
    CONTROLLERS, CgroupFacts, CgroupScope, CgroupVersion, Device, Devices, Distribution, IdMap,
    IdOverlap, IdRange, Kernel, Limits, ModuleState, NetworkFacts, PodmanFacts, PodmanInfo,
    Resources, SEND_BUFFER, ScopeKind, Session, StorageFacts, SubordinateIds, User, UserNamespaces,
};
pub use facts::{HostFacts, NodeImagePresence};
pub(crate) use inotify::available_inotify_instances;
pub(crate) use networks::{HostNetwork, addresses, networks};
#[cfg(any(test, feature = "testing"))]
pub(crate) use probe::parse_any;
#[cfg(test)]
pub(crate) use tests::TestHost;
