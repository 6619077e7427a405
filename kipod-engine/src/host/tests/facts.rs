//! Facts of simulated hosts.

use rstest::rstest;
use serde_json::json;

use super::test_host::{TestHost, failed_podman};
use crate::host::probe::{PodmanResponse, Root, Sources};
use crate::host::{CgroupVersion, HostFacts, IdRange, ModuleState, ScopeKind, check};

#[tokio::test]
async fn subordinate_ids_match_name_and_uid() {
    let host = TestHost::fedora();
    host.file(
        "/etc/subuid",
        "bob:100000:65536\nada:165536:1000\n1000:300000:70000\n10001:400000:65536\n# x\nada:bad:1\n",
    );
    let subuids = host.facts().await.subuids;
    assert_eq!(
        subuids.ranges,
        [IdRange { start: 165_536, count: 1000 }, IdRange { start: 300_000, count: 70_000 }]
    );
    assert_eq!(subuids.total(), 71_000);
    assert_eq!(subuids.next_free, 465_536);
}

#[tokio::test]
async fn user_name_falls_back_to_the_environment() {
    let host = TestHost::fedora();
    host.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    let user = host.facts().await.user;
    assert_eq!((user.name.as_deref(), user.local), (Some("ada"), false));
}

#[tokio::test]
async fn systemd_uses_the_group_of_the_user_manager() {
    let facts = TestHost::fedora().facts().await;
    assert_eq!(facts.cgroup.version, CgroupVersion::V2);
    assert_eq!(facts.cgroup.deciding, Some(ScopeKind::UserService));
    assert_eq!(facts.cgroup.missing(), [""; 0]);
    assert_eq!(facts.cgroup.scope(ScopeKind::Own).unwrap().controllers, ["memory", "pids"]);
}

#[tokio::test]
async fn user_manager_is_found_below_custom_slices() {
    let host = TestHost::fedora();
    let service = "/odd.slice/user@1000.service";
    host.file("/proc/self/cgroup", &format!("0::{service}/app.slice/x.scope\n"))
        .group(service, "cpu");
    let cgroup = host.facts().await.cgroup;
    assert_eq!(cgroup.scope(ScopeKind::UserService).unwrap().path, service);
    assert_eq!(cgroup.delegated, ["cpu"]);
}

#[tokio::test]
async fn cgroupfs_uses_the_root_group() {
    let mut host = TestHost::fedora();
    host.info()["host"]["cgroupManager"] = json!("cgroupfs");
    host.group("/", "memory pids");
    let cgroup = host.facts().await.cgroup;
    assert_eq!(cgroup.deciding, Some(ScopeKind::Root));
    assert_eq!(cgroup.container_parent(), None);
    assert_eq!(cgroup.missing(), ["cpu", "cpuset", "io"]);
}

#[tokio::test]
async fn cgroupfs_uses_a_group_of_the_user() {
    let mut host = TestHost::fedora();
    host.info()["host"]["cgroupManager"] = json!("cgroupfs");
    host.file("/proc/self/cgroup", "0::/ada/session\n")
        .gone("/sys/fs/cgroup/cgroup.procs")
        .group("/ada", "cpu memory pids")
        .group("/ada/session", "")
        .file("/sys/fs/cgroup/ada/session/cgroup.procs", "4711\n");
    let cgroup = host.facts().await.cgroup;
    assert_eq!(cgroup.deciding, Some(ScopeKind::Parent));
    assert_eq!(cgroup.container_parent(), Some("/ada"));
    assert_eq!(cgroup.delegated, ["cpu", "memory", "pids"]);

    // A group with processes delegates only the controllers that are enabled already.
    host.file("/sys/fs/cgroup/ada/cgroup.procs", "4712\n")
        .file("/sys/fs/cgroup/ada/cgroup.subtree_control", "pids\n");
    let cgroup = host.facts().await.cgroup;
    assert_eq!(cgroup.delegated, ["pids"]);
}

#[tokio::test]
async fn cgroupfs_skips_groups_of_the_users_systemd() {
    let mut host = TestHost::fedora();
    host.info()["host"]["cgroupManager"] = json!("cgroupfs");
    let slices = "/user.slice/user-1000.slice";
    let apps = format!("{slices}/user@1000.service/app.slice");
    host.file("/proc/self/cgroup", &format!("0::{apps}/run-7.scope\n"))
        .gone("/sys/fs/cgroup/cgroup.procs")
        .group(&apps, "cpu memory pids")
        .group(&format!("{apps}/run-7.scope"), "cpu memory pids");
    let cgroup = host.facts().await.cgroup;
    assert_eq!(cgroup.scopes.last().unwrap().kind, ScopeKind::Own);
    assert_eq!((cgroup.deciding, cgroup.container_parent()), (None, None));
}

#[rstest]
#[case::nftables_with_small_buffer("nftables", "212992\n", false)]
#[case::nftables_with_large_buffer("nftables", "4194304\n", true)]
#[case::iptables_with_small_buffer("iptables", "212992\n", true)]
#[tokio::test]
async fn nftables_needs_a_large_send_buffer(
    #[case] driver: &str,
    #[case] bytes: &str,
    #[case] many_ports: bool,
) {
    let mut host = TestHost::fedora();
    host.sources.environment.insert("NETAVARK_FW".into(), driver.into());
    host.file("/proc/sys/net/core/wmem_max", bytes);
    assert_eq!(host.facts().await.supports_many_ports(), many_ports);
}

#[tokio::test]
async fn controllers_in_version_1_are_listed() {
    let host = TestHost::fedora();
    host.file("/proc/self/cgroup", "4:memory:/a\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n");
    let cgroup = host.facts().await.cgroup;
    assert_eq!(cgroup.held_by_v1, ["memory", "cpu", "cpuacct"]);
    assert_eq!(cgroup.own.as_deref(), Some("/"));
}

#[tokio::test]
async fn modules_are_read_from_the_module_directory() {
    let kernel = TestHost::fedora().facts().await.kernel;
    assert_eq!(kernel.version, Some((6, 14)));
    assert_eq!(kernel.module("overlay"), ModuleState::Loaded);
    assert_eq!(kernel.module("xt_mark"), ModuleState::BuiltIn);
    assert_eq!(kernel.module("veth"), ModuleState::Loadable);
    assert_eq!(kernel.module("nf_conntrack_netlink"), ModuleState::Missing);
}

#[tokio::test]
async fn modules_are_read_from_the_configuration() {
    let host = TestHost::fedora();
    let release = "6.14.5-300.fc42.x86_64";
    host.gone("/lib/modules").gone("/proc/modules").file(
        &format!("/boot/config-{release}"),
        "CONFIG_VETH=y\nCONFIG_NF_NAT=m\n# CONFIG_BRIDGE is not set\n",
    );
    let kernel = host.facts().await.kernel;
    assert_eq!(kernel.module("veth"), ModuleState::BuiltIn);
    assert_eq!(kernel.module("nf_nat"), ModuleState::Unknown);
    assert_eq!(kernel.module("bridge"), ModuleState::Missing);
}

#[tokio::test]
async fn limits_include_parent_groups_and_podman_files() {
    let host = TestHost::fedora();
    host.file("/sys/fs/cgroup/user.slice/pids.max", "900\n")
        .file("/usr/share/containers/containers.conf", "#pids_limit = 1\n")
        .file("/etc/containers/containers.conf", "[containers]\npids_limit = 2048\n")
        .file(
            "/home/ada/.config/containers/containers.conf.d/a.conf",
            "[containers]\npids_limit=0 # none\n",
        );
    let mut sources = host.sources.clone();
    sources.environment.insert("XDG_CONFIG_HOME".into(), "/home/ada/.config".into());
    let limits = HostFacts::gather(sources).await.limits;
    assert_eq!(limits.cgroup_pids, Some(900));
    assert_eq!(limits.podman_pids, Some(0));
}

#[rstest]
#[case::rhel("4.9.4-rhel", "4.9.4")]
#[case::release_candidate("5.4.0~rc1", "5.4.0")]
#[case::two_numbers("6.0", "6.0.0")]
#[tokio::test]
async fn podman_version_has_no_suffix(#[case] text: &str, #[case] expected: &str) {
    let mut host = TestHost::fedora();
    host.info()["version"]["Version"] = json!(text);
    assert_eq!(host.facts().await.podman.version.unwrap().to_string(), expected);
}

#[tokio::test]
async fn podman_version_is_known_if_info_fails() {
    let mut host = TestHost::fedora();
    host.sources.podman = failed_podman("3.4.4");
    assert_eq!(host.facts().await.podman.version.unwrap().to_string(), "3.4.4");
}

#[tokio::test]
async fn empty_host_has_no_facts() {
    let mut host = TestHost::fedora();
    let empty = tempfile::tempdir().unwrap();
    host.sources.root = Root::new(empty.path());
    for podman in [PodmanResponse::NotInstalled, PodmanResponse::Info(json!({}))] {
        host.sources.podman = podman;
        let report = host.report().await;
        assert_eq!(report.facts.cgroup.version, CgroupVersion::None);
        assert_eq!(report.verdict.exit_code(), 1);
        assert!(report.require_usable().is_err());
    }
}

#[tokio::test]
async fn facts_of_the_running_machine() {
    let report = check(None).await;
    let facts = &report.facts;
    assert!(facts.clock > 1_700_000_000, "{}", facts.clock);
    assert!(facts.resources.cpus > 0);
    assert!(facts.resources.memory_total > facts.resources.memory_available);
    assert!(facts.kernel.version.is_some(), "{:?}", facts.kernel);
    assert_eq!(facts.user.uid, rustix::process::geteuid().as_raw());
    assert_eq!(
        facts.podman.installed,
        Sources::of_this_host(None).await.program("podman", &[]).is_some()
    );
    assert!(report.findings.len() >= 15, "{:#?}", report.findings);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), report.findings.len());
}

#[tokio::test]
async fn podman_restart_is_enabled_by_user_or_administrator() {
    const UNIT: &str = "systemd/user/default.target.wants/podman-restart.service";
    for directory in ["/home/ada/.config", "/etc"] {
        let host = TestHost::fedora();
        assert!(!host.facts().await.session.starts_at_boot, "{directory}");
        let link = host.sources.root.path(format!("{directory}/{UNIT}"));
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/usr/lib/systemd/user/podman-restart.service", &link).unwrap();
        assert!(host.facts().await.session.starts_at_boot, "{directory}");
    }
}
