//! Asks the machine what it can do, once, and never decides.
//!
//! [`HostFacts`] are plain data: what `kipod check` renders and what the plan reads are the same
//! facts. [`findings`] holds them against what a cluster needs, and is a pure function: each
//! [`Finding`] says what was seen and, where it is not good enough, the exact remedy for this
//! distribution.
//!
//! Everything the facts come from is in [`Sources`]: a root folder for the files of `/proc`,
//! `/sys`, `/etc` and `/dev`, the environment, and Podman's own answer. Tests plant their own.
//!
//! ```no_run
//! # async fn example() {
//! let report = kipod_engine::host::check(None).await;
//! print!("{}", report.text(false));
//! std::process::exit(report.verdict.exit_code());
//! # }
//! ```

mod cgroup;
mod distribution;
mod facts;
mod finding;
mod findings;
mod gather;
mod kernel;
mod podman_facts;
mod remembered;
mod render;
mod report;
mod source;
#[cfg(test)]
mod tests;

pub use cgroup::{CONTROLLERS, CgroupFacts, CgroupScope, CgroupVersion, ScopeKind};
pub use distribution::{Distribution, Package, PackageManager};
pub use facts::{
    Device, Devices, HostFacts, IdRange, Limits, NetworkFacts, NodeImage, Resources, SEND_BUFFER,
    Session, StorageFacts, SubordinateIds, User, UserNamespaces,
};
pub use finding::{Finding, Status, Verdict};
pub use findings::findings;
pub(crate) use findings::kernel_mounts_overlay;
pub(crate) use kernel::IPV6;
pub use kernel::{Kernel, ModuleState};
pub use podman_facts::{IdMap, PodmanFacts, PodmanInfo};
pub use render::render_text;
pub use report::{Report, Unusable, check, check_again};
pub use source::{PodmanAnswer, Root, Sources};
