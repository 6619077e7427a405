//! Checks of kernel and user limits.

use super::finding::Finding;
use crate::host::facts::{HostFacts, SEND_BUFFER};

/// The number that kind's documentation recommends against "too many open files". The kernel's
/// default, 128, is shared by all processes of a user.
const INOTIFY_INSTANCES: u64 = 512;

/// Twice the kernel's lowest default (8192, see inotify(7)).
const INOTIFY_WATCHES: u64 = 16_384;

/// systemd's and Podman's former defaults, 2048 and 4096, are too low for a cluster of one node.
const PROCESSES: u64 = 4096;

/// kind's nodes print a warning below this number.
const OPEN_FILES: u64 = 64_000;

/// The remedy for inotify. `setup` writes the same values, and kOps uses them as well.
pub(crate) const INOTIFY_SYSCTL: &str = "printf 'fs.inotify.max_user_instances = 8192\\nfs.inotify.max_user_watches = 524288\\n' | sudo tee /etc/sysctl.d/60-kipod.conf\nsudo sysctl --load /etc/sysctl.d/60-kipod.conf";

pub(super) fn inotify_instances(facts: &HostFacts) -> Finding {
    at_least(
        "inotify_instances",
        "fs.inotify.max_user_instances",
        facts.limits.inotify_instances,
        INOTIFY_INSTANCES,
    )
}

pub(super) fn inotify_watches(facts: &HostFacts) -> Finding {
    at_least(
        "inotify_watches",
        "fs.inotify.max_user_watches",
        facts.limits.inotify_watches,
        INOTIFY_WATCHES,
    )
}

fn at_least(check: &'static str, sysctl: &str, value: Option<u64>, wanted: u64) -> Finding {
    match value {
        Some(value) if value >= wanted => Finding::pass(check, value.to_string()),
        Some(value) => Finding::warn(
            check,
            format!(
                "{value}, less than {wanted}: kubelet and pods of several nodes may fail with `too many open files`"
            ),
            INOTIFY_SYSCTL,
        ),
        None => Finding::warn(check, format!("{sysctl} cannot be read"), INOTIFY_SYSCTL),
    }
}

/// Checks the send buffer if Netavark uses `nft`. iptables adds one port at a time.
pub(super) fn send_buffer(facts: &HostFacts) -> Option<Finding> {
    const CHECK: &str = "send_buffer";
    let bytes = facts.limits.send_buffer.filter(|_| facts.network.firewall_driver == "nftables")?;
    if facts.supports_many_ports() {
        return Some(Finding::pass(CHECK, format!("{bytes} bytes")));
    }
    Some(Finding::warn(
        CHECK,
        format!(
            "{bytes} bytes, less than {SEND_BUFFER}: too small for the rules of all node ports, so Services of type `LoadBalancer` get no address"
        ),
        format!(
            "echo 'net.core.wmem_max = {SEND_BUFFER}' | sudo tee /etc/sysctl.d/61-kipod.conf\nsudo sysctl --load /etc/sysctl.d/61-kipod.conf"
        ),
    ))
}

pub(super) fn processes(facts: &HostFacts) -> Finding {
    const CHECK: &str = "process_limit";
    let limits = &facts.limits;
    let show = |limit: Option<u64>| limit.map_or("none".to_owned(), |limit| limit.to_string());
    let low = |limit: Option<u64>| limit.filter(|limit| *limit < PROCESSES);
    if let Some(limit) = low(limits.cgroup_pids) {
        return Finding::warn(
            CHECK,
            format!("{limit} processes and threads for all nodes of this user"),
            "sudo mkdir -p /etc/systemd/system/user-.slice.d\nprintf '[Slice]\\nTasksMax=infinity\\n' | sudo tee /etc/systemd/system/user-.slice.d/60-kipod-tasks.conf\nsudo systemctl daemon-reload",
        );
    }
    if let Some(limit) = low(limits.processes) {
        return Finding::warn(
            CHECK,
            format!("`ulimit -u` is {limit} for all processes of this user"),
            format!(
                "echo '{} - nproc 65536' | sudo tee /etc/security/limits.d/60-kipod-nproc.conf\nlog in again",
                facts.user.label()
            ),
        );
    }
    Finding::pass(
        CHECK,
        format!("control group {}, ulimit {}", show(limits.cgroup_pids), show(limits.processes)),
    )
}

pub(super) fn open_files(facts: &HostFacts) -> Finding {
    const CHECK: &str = "open_files";
    match facts.limits.open_files {
        None => Finding::pass(CHECK, "no limit"),
        Some(limit) if limit >= OPEN_FILES => Finding::pass(CHECK, limit.to_string()),
        Some(limit) => Finding::warn(
            CHECK,
            format!("a process can open {limit} files, less than {OPEN_FILES}"),
            format!(
                "echo '{} - nofile 524288' | sudo tee /etc/security/limits.d/60-kipod-nofile.conf\nlog in again",
                facts.user.label()
            ),
        ),
    }
}
