//! Findings about user namespaces and subordinate ids.

use rstest::rstest;
use serde_json::json;

use super::findings::{Expected, assert_findings};
use super::test_host::{TestHost, failed_podman};
use crate::host::Status::{Fail, Warn};

#[rstest]
#[case::subuid_by_uid(
    |host: &mut TestHost| {
        host.file("/etc/subuid", "1000:200000:65536\n");
    },
    &[]
)]
#[case::sufficient_ranges(
    |host: &mut TestHost| {
        host.sources.podman = failed_podman("5.5.2");
        host.file("/etc/subuid", "ada:100000:40000\nada:200000:40000\n");
    },
    &[
        ("podman", Fail, "cannot clone: Permission denied"),
        ("user_namespaces", Warn, "podman unshare true"),
    ]
)]
#[case::insufficient_ranges(
    |host: &mut TestHost| {
        host.info()["host"]["idMappings"]["uidmap"][1]["size"] = json!(2000);
        host.file("/etc/subuid", "ada:100000:1000\n1000:200000:1000\nbob:300000:65536\n");
    },
    &[(
        "subuid",
        Fail,
        "sudo usermod --add-subuids 365536-431071 ada\npodman system migrate",
    )]
)]
#[case::duplicate_range(
    |host: &mut TestHost| {
        host.file("/etc/subuid", "ada:100000:65536\n1000:100000:65536\n");
    },
    &[("subuid", Fail, "overlapping ranges for ada, which cannot be mapped: 100000-165535 and 100000-165535")]
)]
#[case::ranges_of_two_users_overlap(
    |host: &mut TestHost| {
        host.file("/etc/subgid", "bob:120000:65536\nada:100000:65536\n");
    },
    &[(
        "subgid",
        Warn,
        "sudo usermod --del-subgids 100000-165535 --add-subgids 185536-251071 ada",
    )]
)]
#[case::ranges_of_two_users_adjoin(
    |host: &mut TestHost| {
        host.file("/etc/subgid", "bob:165536:65536\nada:100000:65536\n");
    },
    &[]
)]
#[case::no_subgid_for_directory_service_user(
    |host: &mut TestHost| {
        host.info()["host"]["idMappings"]["gidmap"] = json!([]);
        host.file("/etc/subgid", "").file("/etc/passwd", "");
    },
    &[("subgid", Fail, "echo 'ada:100000:65536' | sudo tee -a /etc/subgid")]
)]
#[case::ids_from_directory_service(
    |host: &mut TestHost| {
        host.file("/etc/subuid", "").file("/etc/subgid", "");
    },
    &[]
)]
#[case::podman_in_old_namespace(
    |host: &mut TestHost| {
        host.info()["host"]["idMappings"]["uidmap"] = json!([
            {"container_id": 0, "host_id": 1000, "size": 1}
        ]);
    },
    &[("subuid", Fail, "podman system migrate")]
)]
#[case::no_newuidmap_on_arch(
    |host: &mut TestHost| {
        host.release("arch", "", "").gone("/usr/bin/newuidmap");
    },
    &[("subuid", Fail, "sudo pacman -S --needed shadow")]
)]
#[case::user_namespaces_disabled(
    |host: &mut TestHost| {
        host.sources.podman = failed_podman("5.5.2");
        host.file("/proc/sys/user/max_user_namespaces", "0\n");
    },
    &[
        ("podman", Fail, "podman info"),
        ("user_namespaces", Fail, "sysctl --load /etc/sysctl.d/60-kipod-userns.conf"),
    ]
)]
#[case::debian_sysctl(
    |host: &mut TestHost| {
        host.sources.podman = failed_podman("5.5.2");
        host.file("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
    },
    &[
        ("podman", Fail, "podman info"),
        ("user_namespaces", Fail, "kernel.unprivileged_userns_clone = 1"),
    ]
)]
#[case::apparmor_without_profile(
    |host: &mut TestHost| {
        host.release("ubuntu", "debian", "24.04");
        host.sources.podman = failed_podman("5.5.2");
        host.file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
    },
    &[
        ("podman", Fail, "podman info"),
        ("user_namespaces", Fail, "apparmor_parser --replace /etc/apparmor.d/kipod-podman"),
    ]
)]
#[case::apparmor_with_profile_for_other_path(
    |host: &mut TestHost| {
        host.release("ubuntu", "debian", "24.04");
        host.sources.podman = failed_podman("5.5.2");
        host.file("/usr/local/bin/podman", "")
            .file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
            .file(
                "/etc/apparmor.d/podman",
                "profile podman /usr/bin/podman {\n  userns,\n}\n",
            );
    },
    &[("podman", Fail, "podman info"), ("user_namespaces", Fail, "no AppArmor profile")]
)]
#[case::apparmor_with_kipod_profile(
    |host: &mut TestHost| {
        host.release("ubuntu", "debian", "24.04");
        host.sources.podman = failed_podman("5.5.2");
        host.file("/usr/local/bin/podman", "")
            .file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
            .file(
                "/etc/apparmor.d/kipod-podman",
                "profile kipod-podman /usr/local/bin/podman {\n  userns,\n}\n",
            );
    },
    &[("podman", Fail, "podman info"), ("user_namespaces", Warn, "podman unshare true")]
)]
#[case::apparmor_with_ubuntu_podman(
    |host: &mut TestHost| {
        host.release("ubuntu", "debian", "24.04")
            .file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
            .file(
                "/etc/apparmor.d/podman",
                "profile podman /usr/bin/podman {\n  userns,\n}\n",
            );
    },
    &[]
)]
#[tokio::test]
async fn identity_problems_are_found(
    #[case] change: fn(&mut TestHost),
    #[case] expected: &[Expected<'_>],
) {
    let mut host = TestHost::fedora();
    change(&mut host);
    assert_findings(&host.report().await.findings, expected);
}
