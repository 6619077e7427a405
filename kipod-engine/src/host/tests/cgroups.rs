//! Findings about control groups.

use rstest::rstest;
use serde_json::json;

use super::findings::{Expected, assert_findings};
use super::test_host::TestHost;
use crate::host::Status::{Fail, Warn};

#[rstest]
#[case::default_delegation(
    |host: &mut TestHost| {
        host.group("/user.slice/user-1000.slice/user@1000.service", "memory pids").file(
            "/etc/systemd/system/user@.service.d/a.conf",
            "[Service]\nDelegate=pids\n",
        );
    },
    &[(
        "cgroup_controllers",
        Warn,
        "sudo systemctl restart user@1000.service   # terminates this user's sessions; or reboot\n(Delegate= is also set in /etc/systemd/system/user@.service.d/a.conf)",
    )]
)]
#[case::kernel_without_memory_controller(
    |host: &mut TestHost| {
        host.group("/", "cpuset cpu io pids")
            .group("/user.slice/user-1000.slice/user@1000.service", "cpuset cpu io pids");
    },
    &[(
        "cgroup_controllers",
        Warn,
        "grubby --update-kernel=ALL --args=cgroup_enable=memory",
    )]
)]
#[case::controllers_in_version_1(
    |host: &mut TestHost| {
        host.file("/proc/self/cgroup", "3:blkio:/\n0::/\n")
            .group("/", "cpuset cpu memory pids")
            .group(
                "/user.slice/user-1000.slice/user@1000.service",
                "cpuset cpu memory pids",
            );
    },
    &[("cgroup_controllers", Warn, "cgroup_no_v1=all")]
)]
#[case::no_session_bus(
    |host: &mut TestHost| {
        host.info()["host"]["cgroupManager"] = json!("cgroupfs");
        host.gone("/run/user/1000/bus").release("debian", "", "12");
        // The user owns no group.
        let slice = "/sys/fs/cgroup/user.slice/user-1000.slice";
        host.gone("/sys/fs/cgroup/cgroup.procs")
            .gone(&format!("{slice}/cgroup.procs"))
            .gone(&format!("{slice}/session-3.scope/cgroup.procs"));
    },
    &[("cgroup_controllers", Warn, "sudo apt-get install dbus-user-session")]
)]
#[case::cgroupfs_with_delegated_controllers(
    |host: &mut TestHost| {
        host.info()["host"]["cgroupManager"] = json!("cgroupfs");
    },
    &[("cgroup_controllers", Warn, "remove cgroup_manager from")]
)]
#[case::no_systemd(
    |host: &mut TestHost| {
        host.info()["host"]["cgroupManager"] = json!("cgroupfs");
        host.group("/", "").gone("/run/systemd/system").gone("/run/user/1000");
        host.file("/proc/self/cgroup", "0::/\n");
    },
    &[
        ("cgroup_controllers", Warn, "only systemd delegates controllers"),
        ("runtime_dir", Fail, "export XDG_RUNTIME_DIR=/run/user/1000"),
    ]
)]
#[case::cgroup_version_1(
    |host: &mut TestHost| {
        host.gone("/sys/fs/cgroup").file("/sys/fs/cgroup/memory/tasks", "");
        host.file("/proc/self/cgroup", "4:memory:/a\n1:name=systemd:/\n");
    },
    &[
        ("cgroup_version", Fail, "--args=systemd.unified_cgroup_hierarchy=1"),
        ("cgroup_controllers", Warn, "see cgroup version"),
    ]
)]
#[case::hybrid_cgroups(
    |host: &mut TestHost| {
        host.release("ubuntu", "debian", "24.04")
            .gone("/sys/fs/cgroup")
            .file("/sys/fs/cgroup/unified/cgroup.controllers", "");
    },
    &[
        ("cgroup_version", Fail, "GRUB_CMDLINE_LINUX"),
        ("cgroup_controllers", Warn, "see cgroup version"),
    ]
)]
#[tokio::test]
async fn cgroup_problems_are_found(
    #[case] change: fn(&mut TestHost),
    #[case] expected: &[Expected<'_>],
) {
    let mut host = TestHost::fedora();
    change(&mut host);
    assert_findings(&host.report().await.findings, expected);
}
