//! Properties of the host that affect the plan of a cluster.

use std::path::PathBuf;

use crate::host::{HostFacts, IdMap};
use crate::node::CgroupMode;
use crate::podman::StorageDriver;
use crate::spec::Proxy;
use crate::util::timeouts::Timeouts;

/// The cgroup controllers that pod limits require.
const REQUIRED_CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// Properties of the host that affect the plan of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// How the cgroups of pods are managed.
    pub cgroups: CgroupMode,
    /// The parent cgroup of node containers, if Podman cannot determine it.
    pub cgroup_parent: Option<String>,
    /// The user's image store, if CRI-O can read it.
    pub host_store: Option<PathBuf>,
    /// The storage driver of nodes.
    pub storage_driver: StorageDriver,
    /// `true` if nodes can have `/dev/fuse`, which pods need to build images.
    pub fuse: bool,
    /// The first and the last group, as ids in nodes, that may send ICMP echo requests without
    /// capabilities.
    pub ping_groups: (u64, u64),
    /// `true` if a node can publish thousands of ports.
    pub many_ports: bool,
    /// `true` if the kernel has IPv6.
    pub ipv6: bool,
    /// `true` if the kernel has the module `ip_vs`, which kube-proxy's mode `ipvs` requires.
    pub ip_vs: bool,
    /// Timeouts, which are longer on a slow machine.
    pub timeouts: Timeouts,
    /// The remedy of the host check, if cgroup controllers are missing.
    pub limits_remedy: Option<String>,
    /// The HTTP proxies of the environment; none if nodes do not use them.
    pub proxy: Proxy,
}

impl Machine {
    /// Derives the properties from the facts about the host.
    ///
    /// * Pod limits are enforced if systemd manages Podman's cgroups and the cpu, memory and pids
    ///   controllers are delegated. With the cgroup manager `cgroupfs`, they are not: systemd enables
    ///   and disables the controllers of cgroups that it did not create.
    /// * With `cgroupfs`, Podman would create cgroups at the root of the hierarchy, which a user
    ///   cannot write to. The parent is a cgroup that the user owns instead.
    /// * The storage driver is overlay, unless the kernel or file system does not support it, or the
    ///   user's Podman fell back to VFS.
    /// * Nodes can use the user's image store if it has the same storage driver, the only one that
    ///   their CRI-O reads.
    /// * If Netavark uses nftables, a node can publish thousands of ports only if
    ///   `net.core.wmem_max` is at least [`SEND_BUFFER`](crate::host::SEND_BUFFER).
    /// * The timeout factor is 1, and there is no remedy and no proxy: they are not derived from facts.
    pub fn from_facts(facts: &HostFacts) -> Self {
        let info = facts.podman.info.as_ref();
        let systemd = info.is_some_and(|info| info.cgroup_manager == "systemd");
        // Podman reports the controllers of its own cgroup; nodes get those of the user's systemd.
        let cgroups = match systemd && REQUIRED_CONTROLLERS.iter().all(|one| facts.cgroup.has(one))
        {
            true => CgroupMode::Delegated,
            false => CgroupMode::Unlimited,
        };
        let driver = facts.storage.driver.as_deref();
        let storage_driver = match driver {
            Some("vfs") => StorageDriver::Vfs,
            _ if !facts.kernel_mounts_overlay() => StorageDriver::Vfs,
            _ => match facts.storage.backing_file_system.as_deref() {
                // Overlays cannot be mounted on these file systems.
                Some("overlayfs" | "overlay" | "ecryptfs" | "fuse") => StorageDriver::Vfs,
                _ => StorageDriver::Overlay,
            },
        };
        let store = facts.storage.graph_root.clone();
        Self {
            cgroups,
            cgroup_parent: facts.cgroup.container_parent().map(str::to_owned),
            fuse: facts.devices.fuse.usable,
            host_store: store.filter(|_| driver == Some(storage_driver.name())),
            storage_driver,
            ping_groups: ping_groups(info.map(|info| info.gid_map.as_slice()).unwrap_or_default()),
            many_ports: facts.supports_many_ports(),
            ipv6: facts.network.ipv6,
            ip_vs: facts.kernel.ip_vs,
            timeouts: Timeouts::default(),
            limits_remedy: None,
            proxy: Proxy::default(),
        }
    }
}

/// The last group id that images use.
const LAST_GROUP: u64 = 65_535;

/// Returns the largest range of groups that `net.ipv4.ping_group_range` accepts in a node. Both ends
/// have to be mapped, and must have the same order inside and outside of the user namespace: the
/// kernel compares ids of the host. Source: `ipv4_ping_group_range` in the kernel's
/// `net/ipv4/sysctl_net_ipv4.c`.
fn ping_groups(gid_map: &[IdMap]) -> (u64, u64) {
    let used = || gid_map.iter().filter(|line| line.size > 0 && line.container_id <= LAST_GROUP);
    let ranges =
        used().flat_map(|low| used().map(move |high| (low, high))).filter_map(|(low, high)| {
            let last = (high.container_id + high.size - 1).min(LAST_GROUP);
            let last_on_host = high.host_id + (last - high.container_id);
            (low.container_id <= last && low.host_id <= last_on_host)
                .then_some((low.container_id, last))
        });
    ranges.max_by_key(|(first, last)| last - first).unwrap_or((0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::TestHost;

    #[test]
    fn ping_groups_fit_the_gid_map() {
        let line = |container_id, host_id, size| IdMap { container_id, host_id, size };
        for (map, groups) in [
            (vec![], (0, 0)),
            (vec![line(0, 1000, 1), line(1, 100_000, 65_536)], (0, 65_535)),
            (vec![line(0, 1000, 1), line(1, 100_000, 1000)], (0, 1000)),
            (vec![line(0, 1000, 1), line(1, 100_000, 8_000_000)], (0, 65_535)),
            // A user of a directory service, whose group id is above the subordinate ids.
            (vec![line(0, 900_000, 1), line(1, 100_000, 65_536)], (1, 65_535)),
            (vec![line(0, 1000, 1), line(1, 300_000, 10), line(11, 100_000, 65_536)], (0, 65_535)),
            (vec![line(0, 1000, 1)], (0, 0)),
        ] {
            assert_eq!(ping_groups(&map), groups, "{map:?}");
        }
    }

    #[tokio::test]
    async fn many_ports_follows_the_host_facts() {
        let mut facts = TestHost::fedora().facts().await;
        for (driver, send_buffer, many_ports) in [
            ("nftables", 212_992, false),
            ("nftables", 4_194_304, true),
            ("iptables", 212_992, true),
        ] {
            facts.network.firewall_driver = driver.into();
            facts.limits.send_buffer = Some(send_buffer);
            assert_eq!(facts.supports_many_ports(), many_ports, "{driver} {send_buffer}");
            assert_eq!(
                Machine::from_facts(&facts).many_ports,
                many_ports,
                "{driver} {send_buffer}"
            );
        }
    }
}
