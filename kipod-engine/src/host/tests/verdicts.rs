//! Made-up machines with one thing wrong each, and what is said of it.

use serde_json::json;

use super::machine::{GIB, Machine, podman_4};
use crate::host::{Finding, HostFacts, PodmanAnswer, Status, findings};

/// Asserts that exactly those checks do not pass, each with words that its text or its remedy has.
#[track_caller]
pub(super) fn assert_findings(case: &str, findings: &[Finding], expected: &[(&str, Status, &str)]) {
    let bad: Vec<&Finding> =
        findings.iter().filter(|finding| finding.status != Status::Pass).collect();
    let checks: Vec<(&str, Status)> =
        bad.iter().map(|finding| (finding.check, finding.status)).collect();
    let wanted: Vec<(&str, Status)> =
        expected.iter().map(|(check, status, _)| (*check, *status)).collect();
    assert_eq!(checks, wanted, "{case}: {bad:#?}");
    for (finding, (_, _, words)) in bad.iter().zip(expected) {
        let remedy = finding.remedy.as_deref().expect("what does not pass has a remedy");
        let text = format!("{}\n{remedy}", finding.found);
        assert!(text.contains(words), "{case}: `{words}` is not in:\n{text}");
    }
}

/// A name, what is changed on Fedora, and what is then found: check, status and words.
pub(super) type Case<'a> = (&'a str, fn(&mut Machine), &'a [(&'a str, Status, &'a str)]);

/// Asserts of each case that just that is found.
pub(super) async fn assert_each(cases: &[Case<'_>]) {
    for (case, change, expected) in cases {
        let mut machine = Machine::fedora();
        change(&mut machine);
        assert_findings(case, &machine.report().await.findings, expected);
    }
}

#[tokio::test]
async fn machines_with_something_wrong() {
    use Status::{Fail, Warn};
    let cases: &[Case<'_>] = &[
        ("fedora with everything", |_| {}, &[]),
        (
            "a podman whose processes ended with the session before",
            |machine| {
                machine.sources.podman = PodmanAnswer::Broken {
                    version: Some(json!({"Client": {"Version": "5.4.2"}})),
                    message: "invalid internal status, try resetting the pause process with \"podman system migrate\"".into(),
                };
            },
            &[
                ("podman", Fail, "\npodman system migrate   #"),
                ("user_namespaces", Warn, "podman unshare true"),
            ],
        ),
        (
            "no podman on opensuse",
            |machine| {
                machine.release("opensuse-leap", "suse opensuse", "15.6");
                machine.sources.podman = PodmanAnswer::NotInstalled;
            },
            &[("podman", Fail, "sudo zypper install podman shadow fuse-overlayfs")],
        ),
        (
            "podman 3.4 on ubuntu 22.04",
            |machine| {
                machine.release("ubuntu", "debian", "22.04");
                *machine.info() = podman_4();
                machine.info()["version"]["Version"] = json!("3.4.4");
                machine.info()["host"]["cgroupManager"] = json!("systemd");
                machine.file("/usr/lib/podman/aardvark-dns", "");
            },
            &[("podman", Fail, "upgrade to Ubuntu 24.04 or later")],
        ),
        (
            "a remote podman",
            |machine| machine.info()["host"]["serviceIsRemote"] = json!(true),
            &[("podman", Fail, "unset CONTAINER_HOST")],
        ),
        (
            "root",
            |machine| {
                machine.sources.uid = 0;
                machine.info()["host"]["security"]["rootless"] = json!(false);
                machine.info()["host"]["idMappings"] = json!({"uidmap": null, "gidmap": null});
            },
            &[("rootless", Fail, "run kipod as an ordinary user")],
        ),
        (
            "no /dev/fuse",
            |machine| {
                machine.gone("/dev/fuse");
            },
            &[("dev_fuse", Warn, "sudo modprobe fuse")],
        ),
        (
            "an old kernel",
            |machine| {
                machine.kernel("5.10.0-35-amd64").gone("/usr/bin/fuse-overlayfs").gone("/dev/fuse");
            },
            &[
                ("dev_fuse", Fail, "fuse-overlayfs needs it"),
                ("native_overlay", Fail, "sudo dnf install fuse-overlayfs"),
            ],
        ),
        (
            "selinux wants a newer kernel",
            |machine| {
                machine.kernel("5.12.1");
            },
            &[("native_overlay", Warn, "fuse-overlayfs does, slowly")],
        ),
        (
            "fuse-overlayfs for no reason",
            |machine| {
                machine.info()["store"]["graphOptions"] =
                    json!({"overlay.mount_program": {"Executable": "/usr/bin/fuse-overlayfs"}});
            },
            &[("native_overlay", Warn, "remove mount_program")],
        ),
        (
            "vfs on overlayfs",
            |machine| {
                machine.info()["store"]["graphDriverName"] = json!("vfs");
                machine.info()["store"]["graphStatus"] = json!({"Backing Filesystem": "overlayfs"});
            },
            &[
                ("storage_driver", Warn, "podman system reset"),
                ("file_system", Warn, "graphroot = "),
            ],
        ),
        (
            "a home on nfs",
            |machine| machine.info()["store"]["graphStatus"]["Backing Filesystem"] = json!("nfs"),
            &[("file_system", Fail, "graphroot = ")],
        ),
        (
            "xfs without file types",
            |machine| machine.info()["store"]["graphStatus"]["Supports d_type"] = json!("false"),
            &[("file_system", Fail, "ftype=0")],
        ),
        (
            "inotify as the kernel sets it",
            |machine| {
                machine
                    .file("/proc/sys/fs/inotify/max_user_instances", "128\n")
                    .file("/proc/sys/fs/inotify/max_user_watches", "8192\n");
            },
            &[
                ("inotify_instances", Warn, "fs.inotify.max_user_instances = 8192"),
                ("inotify_watches", Warn, "/etc/sysctl.d/60-kipod.conf"),
            ],
        ),
        (
            "few processes",
            |machine| {
                machine.file("/sys/fs/cgroup/user.slice/user-1000.slice/pids.max", "2048\n");
            },
            &[("process_limit", Warn, "TasksMax=infinity")],
        ),
        (
            "few processes by ulimit, and few files",
            |machine| {
                machine.sources.processes = Some(1024);
                machine.sources.open_files = Some(4096);
            },
            &[
                ("process_limit", Warn, "echo 'ada - nproc 65536'"),
                ("open_files", Warn, "echo 'ada - nofile 524288'"),
            ],
        ),
        (
            "no lingering",
            |machine| {
                machine.gone("/var/lib/systemd/linger/ada");
            },
            &[("lingering", Warn, "sudo loginctl enable-linger ada")],
        ),
        (
            "a small machine",
            |machine| {
                machine.sources.cpus = 1;
                machine.file("/proc/meminfo", "MemTotal: 2000000 kB\nMemAvailable: 1048576 kB\n");
            },
            &[("processors", Warn, "1:"), ("memory", Warn, "1.0 GiB available, less than 1.6 GiB")],
        ),
        (
            "a machine that is too small",
            |machine| {
                machine.file("/proc/meminfo", "MemTotal: 2000000 kB\nMemAvailable: 512000 kB\n");
            },
            &[("memory", Fail, "500 MiB available")],
        ),
        (
            "no node image",
            |machine| machine.node_image(false),
            &[("node_image", Warn, "kipod build node-image")],
        ),
        ("a node image", |machine| machine.node_image(true), &[]),
    ];
    assert_each(cases).await;
}

#[tokio::test]
async fn facts_that_no_folder_can_show() {
    use Status::{Fail, Warn};
    type Change = fn(&mut HostFacts);
    let cases: &[(&str, Change, (&str, Status, &str))] = &[
        (
            "closed /dev/fuse",
            |facts| facts.devices.fuse.usable = false,
            ("dev_fuse", Warn, "sudo chmod 0666 /dev/fuse"),
        ),
        (
            "closed /dev/net/tun",
            |facts| facts.devices.tun.usable = false,
            ("dev_net_tun", Fail, "sudo chmod 0666 /dev/net/tun"),
        ),
        (
            "odd processor",
            |facts| facts.architecture = "riscv64".into(),
            ("architecture", Fail, "--components DIR"),
        ),
        (
            "little space",
            |facts| facts.storage.free = Some(3 * GIB),
            ("disk", Warn, "3.0 GiB free"),
        ),
        (
            "no space",
            |facts| facts.storage.free = Some(GIB / 2),
            ("disk", Fail, "podman system prune"),
        ),
        (
            "space that cannot be told",
            |facts| facts.storage.free = None,
            ("disk", Warn, "df /home/ada"),
        ),
    ];
    for (case, change, expected) in cases {
        let mut facts = Machine::fedora().facts().await;
        change(&mut facts);
        assert_findings(case, &findings(&facts), &[*expected]);
    }
}
