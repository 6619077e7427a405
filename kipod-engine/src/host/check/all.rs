//! The list of checks.

use super::finding::Finding;
use super::{cgroup, identity, kernel, limits, network, podman, resources, session, storage};
use crate::host::facts::HostFacts;

/// Runs all checks, in the order in which they are displayed.
///
/// Each check returns exactly one finding, with a stable name that scripts may use. Two groups of
/// checks are skipped, which another finding reports: checks of Podman's storage and
/// networks if `podman info` fails, and checks of unprivileged users if Podman runs as root.
pub(crate) fn findings(facts: &HostFacts) -> Vec<Finding> {
    let rootless = facts.podman.info.as_ref().map_or(facts.user.uid != 0, |info| info.rootless);
    let mut all = vec![podman::podman(facts), podman::rootless(facts, rootless)];
    if rootless {
        all.push(identity::user_namespaces(facts));
        all.push(identity::subuid(facts));
        all.push(identity::subgid(facts));
    }
    all.push(cgroup::version(facts));
    if facts.podman.info.is_some() {
        all.push(cgroup::controllers(facts));
    }
    all.push(storage::dev_fuse(facts));
    if rootless {
        all.push(network::dev_net_tun(facts));
    }
    all.push(storage::overlay(facts));
    if facts.podman.info.is_some() {
        all.push(storage::driver(facts));
        all.push(storage::file_system(facts));
        all.push(network::backend(facts));
        if rootless {
            all.push(network::rootless(facts));
        }
        all.push(network::name_server(facts));
        all.push(network::firewall(facts));
    }
    all.push(network::ipv6(facts));
    all.push(kernel::modules(facts));
    all.push(limits::inotify_instances(facts));
    all.push(limits::inotify_watches(facts));
    all.extend(limits::send_buffer(facts));
    all.push(limits::processes(facts));
    all.push(limits::open_files(facts));
    if rootless {
        all.push(session::runtime_dir(facts));
        all.push(session::lingering(facts));
    }
    all.push(resources::architecture(facts));
    all.push(resources::processors(facts));
    all.push(resources::memory(facts));
    if facts.podman.info.is_some() {
        all.push(resources::disk(facts));
    }
    all.extend(resources::node_image(facts));
    all
}
