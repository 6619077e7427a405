//! Findings about Podman, storage, limits and resources.

use rstest::rstest;
use serde_json::json;

use super::test_host::{GIB, TestHost, podman_4};
use crate::host::Status::{Fail, Warn};
use crate::host::check::findings;
use crate::host::probe::PodmanResponse;
use crate::host::{Finding, HostFacts, Status};

/// An expected warning or failure: the check, its status, and words of its text or remedy.
pub(super) type Expected<'a> = (&'a str, Status, &'a str);

/// Asserts that exactly the expected checks do not pass.
#[track_caller]
pub(super) fn assert_findings(findings: &[Finding], expected: &[Expected<'_>]) {
    let problems: Vec<&Finding> =
        findings.iter().filter(|finding| finding.status != Status::Pass).collect();
    let checks: Vec<(&str, Status)> =
        problems.iter().map(|finding| (finding.check, finding.status)).collect();
    let wanted: Vec<(&str, Status)> =
        expected.iter().map(|(check, status, _)| (*check, *status)).collect();
    assert_eq!(checks, wanted, "{problems:#?}");
    for (finding, (_, _, words)) in problems.iter().zip(expected) {
        let remedy = finding.remedy.as_deref().expect("a warning or failure has a remedy");
        let text = format!("{}\n{remedy}", finding.found);
        assert!(text.contains(words), "`{words}` is not in:\n{text}");
    }
}

#[rstest]
#[case::complete_fedora(
    |_: &mut TestHost| {},
    &[]
)]
#[case::stale_podman_state(
    |host: &mut TestHost| {
        host.sources.podman = PodmanResponse::Failed {
            version: Some(json!({"Client": {"Version": "5.4.2"}})),
            message: "invalid internal status, try resetting the pause process with \"podman system migrate\"".into(),
        };
    },
    &[
        ("podman", Fail, "\npodman system migrate   #"),
        ("user_namespaces", Warn, "podman unshare true"),
    ]
)]
#[case::no_podman_on_opensuse(
    |host: &mut TestHost| {
        host.release("opensuse-leap", "suse opensuse", "15.6");
        host.sources.podman = PodmanResponse::NotInstalled;
    },
    &[("podman", Fail, "sudo zypper install podman shadow fuse-overlayfs")]
)]
#[case::podman_3_on_ubuntu_22_04(
    |host: &mut TestHost| {
        host.release("ubuntu", "debian", "22.04");
        *host.info() = podman_4();
        host.info()["version"]["Version"] = json!("3.4.4");
        host.info()["host"]["cgroupManager"] = json!("systemd");
        host.file("/usr/lib/podman/aardvark-dns", "");
    },
    &[("podman", Fail, "upgrade to Ubuntu 24.04 or later")]
)]
#[case::remote_podman(
    |host: &mut TestHost| host.info()["host"]["serviceIsRemote"] = json!(true),
    &[("podman", Fail, "unset CONTAINER_HOST")]
)]
#[case::root(
    |host: &mut TestHost| {
        host.sources.uid = 0;
        host.info()["host"]["security"]["rootless"] = json!(false);
        host.info()["host"]["idMappings"] = json!({"uidmap": null, "gidmap": null});
    },
    &[("rootless", Fail, "run kipod as an unprivileged user")]
)]
#[case::no_dev_fuse(
    |host: &mut TestHost| {
        host.gone("/dev/fuse");
    },
    &[("dev_fuse", Warn, "sudo modprobe fuse")]
)]
#[case::kernel_without_overlay_mounts(
    |host: &mut TestHost| {
        host.kernel("5.10.0-35-amd64").gone("/usr/bin/fuse-overlayfs").gone("/dev/fuse");
    },
    &[
        ("dev_fuse", Fail, "fuse-overlayfs needs it"),
        ("native_overlay", Fail, "sudo dnf install fuse-overlayfs"),
    ]
)]
#[case::kernel_5_12_with_selinux(
    |host: &mut TestHost| {
        host.kernel("5.12.1");
    },
    &[("native_overlay", Warn, "fuse-overlayfs is used instead, which is slow")]
)]
#[case::unnecessary_fuse_overlayfs(
    |host: &mut TestHost| {
        host.info()["store"]["graphOptions"] =
            json!({"overlay.mount_program": {"Executable": "/usr/bin/fuse-overlayfs"}});
    },
    &[("native_overlay", Warn, "remove mount_program")]
)]
#[case::vfs_on_overlayfs(
    |host: &mut TestHost| {
        host.info()["store"]["graphDriverName"] = json!("vfs");
        host.info()["store"]["graphStatus"] = json!({"Backing Filesystem": "overlayfs"});
    },
    &[
        ("storage_driver", Warn, "podman system reset"),
        ("file_system", Warn, "graphroot = "),
    ]
)]
#[case::home_on_nfs(
    |host: &mut TestHost| host.info()["store"]["graphStatus"]["Backing Filesystem"] = json!("nfs"),
    &[("file_system", Fail, "graphroot = ")]
)]
#[case::xfs_without_file_types(
    |host: &mut TestHost| host.info()["store"]["graphStatus"]["Supports d_type"] = json!("false"),
    &[("file_system", Fail, "ftype=0")]
)]
#[case::kernel_default_inotify(
    |host: &mut TestHost| {
        host.file("/proc/sys/fs/inotify/max_user_instances", "128\n")
            .file("/proc/sys/fs/inotify/max_user_watches", "8192\n");
    },
    &[
        ("inotify_instances", Warn, "fs.inotify.max_user_instances = 8192"),
        ("inotify_watches", Warn, "/etc/sysctl.d/60-kipod.conf"),
    ]
)]
#[case::low_cgroup_pids(
    |host: &mut TestHost| {
        host.file("/sys/fs/cgroup/user.slice/user-1000.slice/pids.max", "2048\n");
    },
    &[("process_limit", Warn, "TasksMax=infinity")]
)]
#[case::low_ulimits(
    |host: &mut TestHost| {
        host.sources.processes = Some(1024);
        host.sources.open_files = Some(4096);
    },
    &[
        ("process_limit", Warn, "echo 'ada - nproc 65536'"),
        ("open_files", Warn, "echo 'ada - nofile 524288'"),
    ]
)]
#[case::no_lingering(
    |host: &mut TestHost| {
        host.gone("/var/lib/systemd/linger/ada");
    },
    &[("lingering", Warn, "sudo loginctl enable-linger ada")]
)]
#[case::small_host(
    |host: &mut TestHost| {
        host.sources.cpus = 1;
        host.file("/proc/meminfo", "MemTotal: 2000000 kB\nMemAvailable: 1048576 kB\n");
    },
    &[("processors", Warn, "1:"), ("memory", Warn, "1.0 GiB available, less than 1.6 GiB")]
)]
#[case::too_small_host(
    |host: &mut TestHost| {
        host.file("/proc/meminfo", "MemTotal: 2000000 kB\nMemAvailable: 512000 kB\n");
    },
    &[("memory", Fail, "500 MiB available")]
)]
#[case::no_node_image(
    |host: &mut TestHost| host.node_image(false),
    &[("node_image", Warn, "kipod build node-image")]
)]
#[case::node_image(
    |host: &mut TestHost| host.node_image(true),
    &[]
)]
#[tokio::test]
async fn problems_are_found(#[case] change: fn(&mut TestHost), #[case] expected: &[Expected<'_>]) {
    let mut host = TestHost::fedora();
    change(&mut host);
    assert_findings(&host.report().await.findings, expected);
}

/// Facts that do not come from files below the root directory.
#[rstest]
#[case::inaccessible_dev_fuse(
    |facts: &mut HostFacts| facts.devices.fuse.usable = false,
    ("dev_fuse", Warn, "sudo chmod 0666 /dev/fuse")
)]
#[case::inaccessible_dev_net_tun(
    |facts: &mut HostFacts| facts.devices.tun.usable = false,
    ("dev_net_tun", Fail, "sudo chmod 0666 /dev/net/tun")
)]
#[case::unsupported_architecture(
    |facts: &mut HostFacts| facts.architecture = "riscv64".into(),
    ("architecture", Fail, "--components DIR")
)]
#[case::low_disk_space(
    |facts: &mut HostFacts| facts.storage.free = Some(3 * GIB),
    ("disk", Warn, "3.0 GiB free")
)]
#[case::no_disk_space(
    |facts: &mut HostFacts| facts.storage.free = Some(GIB / 2),
    ("disk", Fail, "podman system prune")
)]
#[case::unknown_disk_space(
    |facts: &mut HostFacts| facts.storage.free = None,
    ("disk", Warn, "df /home/ada")
)]
#[tokio::test]
async fn problems_are_found_in_facts(
    #[case] change: fn(&mut HostFacts),
    #[case] expected: Expected<'_>,
) {
    let mut facts = TestHost::fedora().facts().await;
    change(&mut facts);
    assert_findings(&findings(&facts), &[expected]);
}
