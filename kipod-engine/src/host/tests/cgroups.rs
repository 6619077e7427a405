//! Made-up machines on which something is wrong with control groups.

use serde_json::json;

use super::verdicts::{Case, assert_each};
use crate::host::Status;

#[tokio::test]
async fn machines_whose_control_groups_are_wrong() {
    use Status::{Fail, Warn};
    let cases: &[Case<'_>] = &[
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
    ];
    assert_each(cases).await;
}
