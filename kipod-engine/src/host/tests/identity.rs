//! Made-up machines on which something is wrong with users and their ids.

use serde_json::json;

use super::machine::broken;
use super::verdicts::{Case, assert_each};
use crate::host::Status;

#[tokio::test]
async fn machines_whose_users_and_ids_are_wrong() {
    use Status::{Fail, Warn};
    let cases: &[Case<'_>] = &[
        (
            "subuid by uid",
            |machine| {
                machine.file("/etc/subuid", "1000:200000:65536\n");
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
    ];
    assert_each(cases).await;
}
