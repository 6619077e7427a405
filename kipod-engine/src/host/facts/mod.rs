//! Facts about the host: plain data without I/O. Sizes are bytes, times are seconds.

mod cgroup;
mod distribution;
mod identity;
mod kernel;
mod limits;
mod network;
mod podman;
mod session;
mod storage;

use serde::Serialize;

pub use cgroup::{CONTROLLERS, CgroupFacts, CgroupScope, CgroupVersion, ScopeKind};
pub use distribution::Distribution;
pub use identity::{IdOverlap, IdRange, SubordinateIds, User, UserNamespaces};
pub use kernel::{Kernel, ModuleState};
pub use limits::{Limits, Resources, SEND_BUFFER};
pub use network::NetworkFacts;
pub use podman::{IdMap, PodmanFacts, PodmanInfo};
pub use session::Session;
pub use storage::{Device, Devices, StorageFacts};

/// Facts about this host and this user.
///
/// `None` means that the value could not be read. Facts are not judged here: the findings of
/// [`Report`](super::Report) and the plan of a cluster are derived from them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostFacts {
    /// The time at which the facts were gathered, in seconds since the Unix epoch. The plan of a
    /// cluster reads no other clock.
    pub clock: u64,
    /// The processor architecture in Rust's terms: `x86_64`, `aarch64`, ...
    pub architecture: String,
    /// The distribution.
    pub distribution: Distribution,
    /// The kernel.
    pub kernel: Kernel,
    /// The user who runs this process.
    pub user: User,
    /// Podman.
    pub podman: PodmanFacts,
    /// Settings that allow or forbid user namespaces.
    pub user_namespaces: UserNamespaces,
    /// The user's subordinate user ids.
    pub subuids: SubordinateIds,
    /// The user's subordinate group ids.
    pub subgids: SubordinateIds,
    /// Control groups.
    pub cgroup: CgroupFacts,
    /// Devices that nodes need.
    pub devices: Devices,
    /// Podman's storage.
    pub storage: StorageFacts,
    /// Podman's networking.
    pub network: NetworkFacts,
    /// Kernel and user limits that a cluster can exceed.
    pub limits: Limits,
    /// The user's login session.
    pub session: Session,
    /// Processors and memory.
    pub resources: Resources,
    /// The node image, if the caller looked it up.
    pub node_image: Option<NodeImagePresence>,
}

impl HostFacts {
    /// Returns whether a node can publish thousands of ports. If Netavark uses `nft`, all rules must
    /// fit into a socket send buffer of [`SEND_BUFFER`] bytes.
    pub fn supports_many_ports(&self) -> bool {
        self.network.firewall_driver != "nftables"
            || self.limits.send_buffer.is_none_or(|bytes| bytes >= SEND_BUFFER)
    }

    /// Returns whether the kernel can mount overlays in a user namespace: since 5.11, with SELinux
    /// since 5.13.
    pub(crate) fn kernel_mounts_overlay(&self) -> bool {
        let selinux = self.podman.info.as_ref().is_some_and(|info| info.selinux);
        self.kernel.at_least(5, if selinux { 13 } else { 11 })
    }
}

/// The presence of the node image in the user's image store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeImagePresence {
    /// The image's name: `localhost/kipod-node:latest`.
    pub reference: String,
    /// `true` if the store has the image.
    pub present: bool,
}
