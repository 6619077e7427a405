//! Processors, memory, disk, and the node image.

use crate::host::facts::HostFacts;
use crate::host::finding::Finding;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// kubeadm's own preflight check wants two processors for a control plane.
const CPUS: usize = 2;

/// kubeadm's own preflight check wants this much memory for a control plane.
const MEMORY: u64 = 1700 * MIB;

/// What a node with the control plane was seen to use.
const MEMORY_LEAST: u64 = 850 * MIB;

/// The node image and the image store take about a gigabyte each, a node's volume grows with use.
const DISK: u64 = 5 * GIB;

/// Below this not even a node of an image that is there already gets far.
const DISK_LEAST: u64 = GIB;

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
        format!("neither Kubernetes nor CRI-O is published for {name}"),
        "use another machine, or a component bundle of your own (`--components DIR`)",
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
        format!("{count}: a control plane wants {CPUS}, and will start slowly"),
        "give this machine another processor",
    )
}

pub(super) fn memory(facts: &HostFacts) -> Finding {
    const CHECK: &str = "memory";
    let Some(available) = facts.resources.memory_available else {
        return Finding::warn(CHECK, "/proc/meminfo cannot be read", "mount /proc");
    };
    let remedy = "free --human   # then end what you can, or give this machine more memory";
    if available < MEMORY_LEAST {
        let found =
            format!("{} available, and a node uses {}", size(available), size(MEMORY_LEAST));
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
            format!("free space at `{root}` cannot be told"),
            format!("df {root}"),
        );
    };
    let found = format!("{} free at {root}", size(free));
    let remedy =
        "podman system df\npodman system prune   # deletes stopped containers and unused images";
    if free < DISK_LEAST {
        Finding::fail(CHECK, format!("{found}, {} are the least", size(DISK_LEAST)), remedy)
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
            format!("{} is not there: the first cluster waits until it is built", image.reference),
            "kipod build node-image",
        )
    })
}

/// `1.7 GiB`, `850 MiB`
fn size(bytes: u64) -> String {
    if bytes >= GIB {
        // One digit after the point, rounded down: "5.0 GiB" is never less than five.
        format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB)
    } else {
        format!("{} MiB", bytes / MIB)
    }
}
