//! Checks of processors, memory, disk space and the node image.

use super::finding::Finding;
use crate::host::facts::HostFacts;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// The minimum of kubeadm's preflight check for a control plane.
const CPUS: usize = 2;

/// The minimum of kubeadm's preflight check for a control plane.
const MEMORY: u64 = 1700 * MIB;

/// The measured memory use of a control-plane node.
const MIN_MEMORY: u64 = 850 * MIB;

/// The node image and the image store take about a gigabyte each, and a node's volume grows.
const DISK: u64 = 5 * GIB;

/// The minimum for a node if the node image exists already.
const MIN_DISK: u64 = GIB;

/// The architectures that Kubernetes and CRI-O are published for.
const ARCHITECTURES: [&str; 4] = ["aarch64", "powerpc64", "s390x", "x86_64"];

pub(super) fn architecture(facts: &HostFacts) -> Finding {
    const CHECK: &str = "architecture";
    let name = &facts.architecture;
    if ARCHITECTURES.contains(&name.as_str()) {
        return Finding::pass(CHECK, name);
    }
    Finding::fail(
        CHECK,
        format!("Kubernetes and CRI-O have no releases for {name}"),
        "use another host, or provide a component bundle (`--components DIR`)",
    )
}

pub(super) fn processors(facts: &HostFacts) -> Finding {
    const CHECK: &str = "processors";
    let count = facts.resources.cpus;
    if count >= CPUS {
        return Finding::pass(CHECK, count.to_string());
    }
    Finding::warn(
        CHECK,
        format!("{count}: a control plane needs {CPUS} and starts slowly with fewer"),
        "add a processor to this host",
    )
}

pub(super) fn memory(facts: &HostFacts) -> Finding {
    const CHECK: &str = "memory";
    let Some(available) = facts.resources.memory_available else {
        return Finding::warn(CHECK, "/proc/meminfo cannot be read", "mount /proc");
    };
    let remedy = "free --human   # then stop other processes, or add memory";
    if available < MIN_MEMORY {
        let found = format!("{} available, and a node uses {}", size(available), size(MIN_MEMORY));
        Finding::fail(CHECK, found, remedy)
    } else if available < MEMORY {
        let found = format!("{} available, less than {}", size(available), size(MEMORY));
        Finding::warn(CHECK, found, remedy)
    } else {
        Finding::pass(CHECK, format!("{} available", size(available)))
    }
}

pub(super) fn disk(facts: &HostFacts) -> Finding {
    const CHECK: &str = "disk";
    let root =
        facts.storage.graph_root.as_ref().map_or(String::new(), |path| path.display().to_string());
    let Some(free) = facts.storage.free else {
        return Finding::warn(
            CHECK,
            format!("cannot determine the free space at `{root}`"),
            format!("df {root}"),
        );
    };
    let found = format!("{} free at {root}", size(free));
    let remedy =
        "podman system df\npodman system prune   # deletes stopped containers and unused images";
    if free < MIN_DISK {
        Finding::fail(
            CHECK,
            format!("{found}, less than the minimum of {}", size(MIN_DISK)),
            remedy,
        )
    } else if free < DISK {
        Finding::warn(CHECK, format!("{found}, less than {}", size(DISK)), remedy)
    } else {
        Finding::pass(CHECK, found)
    }
}

pub(super) fn node_image(facts: &HostFacts) -> Option<Finding> {
    const CHECK: &str = "node_image";
    let image = facts.node_image.as_ref()?;
    Some(if image.present {
        Finding::pass(CHECK, &image.reference)
    } else {
        Finding::warn(
            CHECK,
            format!(
                "{} does not exist: it is built when the first cluster is created",
                image.reference
            ),
            "kipod build node-image",
        )
    })
}

/// Formats a size: `1.7 GiB`, `850 MiB`.
fn size(bytes: u64) -> String {
    if bytes >= GIB {
        // Rounded down to one decimal digit, so that "5.0 GiB" is never less than five.
        format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB)
    } else {
        format!("{} MiB", bytes / MIB)
    }
}
