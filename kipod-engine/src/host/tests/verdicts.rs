//! Made-up machines with one thing wrong each, and what is said of it.

use serde_json::json;

use super::machine::{GIB, Machine, broken, podman_4};
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
type Case<'a> = (&'a str, fn(&mut Machine), &'a [(&'a str, Status, &'a str)]);

#[tokio::test]
async fn machines_with_something_wrong() {
    use Status::{Fail, Warn};
    let cases: &[Case<'_>] = &[
        ("fedora with everything", |_| {}, &[]),
        (
            "subuid by uid",
            |machine| {
                machine.file("/etc/subuid", "1000:200000:65536\n");
            },
            &[],
        ),
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
            "a small send buffer under nftables",
            |machine| {
                machine.sources.environment.insert("NETAVARK_FW".into(), "nftables".into());
                machine.file("/usr/bin/nft", "").file("/proc/sys/net/core/wmem_max", "212992\n");
            },
            &[("send_buffer", Warn, "net.core.wmem_max = 4194304")],
        ),
        (
            "a small send buffer under iptables",
            |machine| {
                machine.sources.environment.insert("NETAVARK_FW".into(), "iptables".into());
                machine.file("/proc/sys/net/core/wmem_max", "212992\n");
            },
            &[],
        ),
        (
            "several ranges that suffice together",
            |machine| {
                machine.sources.podman = broken("5.5.2");
                machine.file("/etc/subuid", "ada:100000:40000\nada:200000:40000\n");
            },
            &[
                ("podman", Fail, "cannot clone: Permission denied"),
                ("user_namespaces", Warn, "podman unshare true"),
            ],
        ),
        (
            "several ranges that do not suffice",
            |machine| {
                machine.info()["host"]["idMappings"]["uidmap"][1]["size"] = json!(2000);
                machine
                    .file("/etc/subuid", "ada:100000:1000\n1000:200000:1000\nbob:300000:65536\n");
            },
            &[(
                "subuid",
                Fail,
                "sudo usermod --add-subuids 365536-431071 ada\npodman system migrate",
            )],
        ),
        (
            "no subgid line, for a user of a directory service",
            |machine| {
                machine.info()["host"]["idMappings"]["gidmap"] = json!([]);
                machine.file("/etc/subgid", "").file("/etc/passwd", "");
            },
            &[("subgid", Fail, "echo 'ada:100000:65536' | sudo tee -a /etc/subgid")],
        ),
        (
            "ids from a directory service",
            |machine| {
                machine.file("/etc/subuid", "").file("/etc/subgid", "");
            },
            &[],
        ),
        (
            "podman still in a namespace from before",
            |machine| {
                machine.info()["host"]["idMappings"]["uidmap"] = json!([
                    {"container_id": 0, "host_id": 1000, "size": 1}
                ]);
            },
            &[("subuid", Fail, "podman system migrate")],
        ),
        (
            "no newuidmap on arch",
            |machine| {
                machine.release("arch", "", "").gone("/usr/bin/newuidmap");
            },
            &[("subuid", Fail, "sudo pacman -S --needed shadow")],
        ),
        (
            "user namespaces off",
            |machine| {
                machine.sources.podman = broken("5.5.2");
                machine.file("/proc/sys/user/max_user_namespaces", "0\n");
            },
            &[
                ("podman", Fail, "podman info"),
                ("user_namespaces", Fail, "sysctl --load /etc/sysctl.d/60-kipod-userns.conf"),
            ],
        ),
        (
            "debian's own sysctl",
            |machine| {
                machine.sources.podman = broken("5.5.2");
                machine.file("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
            },
            &[
                ("podman", Fail, "podman info"),
                ("user_namespaces", Fail, "kernel.unprivileged_userns_clone = 1"),
            ],
        ),
        (
            "ubuntu 24.04, podman from elsewhere",
            |machine| {
                machine.release("ubuntu", "debian", "24.04");
                machine.sources.podman = broken("5.5.2");
                machine.file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
            },
            &[
                ("podman", Fail, "podman info"),
                ("user_namespaces", Fail, "apparmor_parser --replace /etc/apparmor.d/kipod-podman"),
            ],
        ),
        (
            "ubuntu 24.04, podman from elsewhere beside a profile for its own",
            |machine| {
                machine.release("ubuntu", "debian", "24.04");
                machine.sources.podman = broken("5.5.2");
                machine
                    .file("/usr/local/bin/podman", "")
                    .file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
                    .file(
                        "/etc/apparmor.d/podman",
                        "profile podman /usr/bin/podman {\n  userns,\n}\n",
                    );
            },
            &[("podman", Fail, "podman info"), ("user_namespaces", Fail, "no AppArmor profile")],
        ),
        (
            "ubuntu 24.04, podman from elsewhere with a profile",
            |machine| {
                machine.release("ubuntu", "debian", "24.04");
                machine.sources.podman = broken("5.5.2");
                machine
                    .file("/usr/local/bin/podman", "")
                    .file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
                    .file(
                        "/etc/apparmor.d/kipod-podman",
                        "profile kipod-podman /usr/local/bin/podman {\n  userns,\n}\n",
                    );
            },
            &[("podman", Fail, "podman info"), ("user_namespaces", Warn, "podman unshare true")],
        ),
        (
            "ubuntu 24.04, its own podman",
            |machine| {
                machine
                    .release("ubuntu", "debian", "24.04")
                    .file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
                    .file(
                        "/etc/apparmor.d/podman",
                        "profile podman /usr/bin/podman {\n  userns,\n}\n",
                    );
            },
            &[],
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
            "stock delegation",
            |machine| {
                machine.group("/user.slice/user-1000.slice/user@1000.service", "memory pids").file(
                    "/etc/systemd/system/user@.service.d/a.conf",
                    "[Service]\nDelegate=pids\n",
                );
            },
            &[(
                "cgroup_controllers",
                Warn,
                "sudo systemctl restart user@1000.service   # ends what this user's sessions run; or reboot\n(Delegate= is set in /etc/systemd/system/user@.service.d/a.conf too)",
            )],
        ),
        (
            "a kernel without the memory controller",
            |machine| {
                machine
                    .group("/", "cpuset cpu io pids")
                    .group("/user.slice/user-1000.slice/user@1000.service", "cpuset cpu io pids");
            },
            &[(
                "cgroup_controllers",
                Warn,
                "grubby --update-kernel=ALL --args=cgroup_enable=memory",
            )],
        ),
        (
            "controllers in version 1 hierarchies",
            |machine| {
                machine
                    .file("/proc/self/cgroup", "3:blkio:/\n0::/\n")
                    .group("/", "cpuset cpu memory pids")
                    .group(
                        "/user.slice/user-1000.slice/user@1000.service",
                        "cpuset cpu memory pids",
                    );
            },
            &[("cgroup_controllers", Warn, "cgroup_no_v1=all")],
        ),
        (
            "no session bus",
            |machine| {
                machine.info()["host"]["cgroupManager"] = json!("cgroupfs");
                machine.gone("/run/user/1000/bus").release("debian", "", "12");
                // Groups that are not this user's.
                let slice = "/sys/fs/cgroup/user.slice/user-1000.slice";
                machine
                    .gone("/sys/fs/cgroup/cgroup.procs")
                    .gone(&format!("{slice}/cgroup.procs"))
                    .gone(&format!("{slice}/session-3.scope/cgroup.procs"));
            },
            &[("cgroup_controllers", Warn, "sudo apt-get install dbus-user-session")],
        ),
        (
            "cgroupfs in a session that has the controllers",
            |machine| {
                machine.info()["host"]["cgroupManager"] = json!("cgroupfs");
            },
            &[("cgroup_controllers", Warn, "remove the line with cgroup_manager")],
        ),
        (
            "no systemd",
            |machine| {
                machine.info()["host"]["cgroupManager"] = json!("cgroupfs");
                machine.group("/", "").gone("/run/systemd/system").gone("/run/user/1000");
                machine.file("/proc/self/cgroup", "0::/\n");
            },
            &[
                ("cgroup_controllers", Warn, "only systemd hands controllers"),
                ("runtime_dir", Fail, "export XDG_RUNTIME_DIR=/run/user/1000"),
            ],
        ),
        (
            "cgroup version 1",
            |machine| {
                machine.gone("/sys/fs/cgroup").file("/sys/fs/cgroup/memory/tasks", "");
                machine.file("/proc/self/cgroup", "4:memory:/a\n1:name=systemd:/\n");
            },
            &[
                ("cgroup_version", Fail, "--args=systemd.unified_cgroup_hierarchy=1"),
                ("cgroup_controllers", Warn, "see cgroup version"),
            ],
        ),
        (
            "cgroup version 1 beside 2",
            |machine| {
                machine
                    .release("ubuntu", "debian", "24.04")
                    .gone("/sys/fs/cgroup")
                    .file("/sys/fs/cgroup/unified/cgroup.controllers", "");
            },
            &[
                ("cgroup_version", Fail, "GRUB_CMDLINE_LINUX"),
                ("cgroup_controllers", Warn, "see cgroup version"),
            ],
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
            "no /dev/net/tun",
            |machine| {
                machine.gone("/dev/net/tun");
            },
            &[("dev_net_tun", Fail, "sudo modprobe tun")],
        ),
        (
            "cni",
            |machine| machine.info()["host"]["networkBackend"] = json!("cni"),
            &[("network_backend", Fail, "network_backend = \"netavark\"")],
        ),
        (
            "podman 5 without pasta",
            |machine| {
                machine.info()["host"]["pasta"] = json!({"executable": ""});
                machine.gone("/usr/bin/pasta");
            },
            &[("rootless_network", Fail, "sudo dnf install passt")],
        ),
        (
            "podman 6 told to use slirp4netns",
            |machine| {
                let info = machine.info();
                info["version"]["Version"] = json!("6.1.1");
                info["host"]["rootlessNetworkCmd"] = json!("slirp4netns");
                info["host"]["slirp4netns"] = json!({"executable": "/usr/bin/slirp4netns"});
            },
            &[("rootless_network", Warn, "take `default_rootless_network_cmd` out")],
        ),
        (
            "a bare network",
            |machine| {
                machine.info()["host"]["networkBackendInfo"] = json!({});
                machine.gone("/usr/bin/iptables");
            },
            &[
                ("name_server", Warn, "sudo dnf install aardvark-dns"),
                ("firewall", Fail, "sudo dnf install iptables-nft"),
            ],
        ),
        (
            "netavark of Debian 13 with iptables alone",
            |machine| {
                machine.sources.netavark =
                    Some(json!({"version": "1.14.0", "default_fw_driver": "nftables"}));
                machine.release("debian", "", "13");
            },
            &[("firewall", Fail, "sudo apt-get install nftables")],
        ),
        (
            "netavark 2 told to use iptables",
            |machine| {
                machine.sources.netavark =
                    Some(json!({"version": "2.0.0", "default_fw_driver": "nftables"}));
                machine.file(
                    "/etc/containers/containers.conf",
                    "[network]\nfirewall_driver = \"iptables\"\n",
                );
            },
            &[("firewall", Fail, "take `firewall_driver` out of containers.conf")],
        ),
        (
            "netavark told to use what is not there",
            |machine| {
                machine.sources.netavark = Some(json!({"default_fw_driver": "iptables"}));
                machine.file(
                    "/etc/containers/containers.conf",
                    "[network]\nfirewall_driver = \"nftables\" # newer\n",
                );
            },
            &[("firewall", Fail, "sudo dnf install nftables")],
        ),
        (
            "a kernel without IPv6",
            |machine| {
                machine.gone("/proc/sys/net/ipv6");
            },
            &[("ipv6", Warn, "take `ipv6.disable=1` off")],
        ),
        (
            "modules that are not installed",
            |machine| {
                let release = "6.8.0-1021-azure";
                machine.release("ubuntu", "debian", "24.04").kernel(release);
                machine.file(
                    &format!("/lib/modules/{release}/modules.dep"),
                    "kernel/veth.ko:\nkernel/bridge.ko:\n",
                );
            },
            &[("kernel_modules", Fail, "linux-modules-extra-6.8.0-1021-azure")],
        ),
        (
            "the old iptables alone",
            |machine| {
                let file = "/lib/modules/6.14.5-300.fc42.x86_64/modules.dep";
                let text = machine.sources.root.read(file).unwrap();
                machine.file(file, &text.replace("nft_compat", "other"));
            },
            &[],
        ),
        (
            "modules that must not be loaded",
            |machine| {
                machine.file("/proc/sys/kernel/modules_disabled", "1\n");
            },
            &[("kernel_modules", Fail, "kernel.modules_disabled")],
        ),
        (
            "a kernel that does not tell",
            |machine| {
                machine.gone("/lib/modules").gone("/proc/modules");
            },
            &[("kernel_modules", Warn, "does not tell")],
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
    for (case, change, expected) in cases {
        let mut machine = Machine::fedora();
        change(&mut machine);
        assert_findings(case, &machine.report().await.findings, expected);
    }
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
