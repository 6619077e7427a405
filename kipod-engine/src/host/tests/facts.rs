//! What is gathered, before anything is judged.

use serde_json::json;

use super::machine::{Machine, broken};
use crate::host::{
    CgroupVersion, HostFacts, IdRange, ModuleState, PodmanAnswer, ScopeKind, Sources, check,
};

#[tokio::test]
async fn subordinate_ids_by_name_and_by_number() {
    let machine = Machine::fedora();
    machine.file(
        "/etc/subuid",
        "bob:100000:65536\nada:165536:1000\n1000:300000:70000\n10001:400000:65536\n# x\nada:bad:1\n",
    );
    let subuids = machine.facts().await.subuids;
    assert_eq!(
        subuids.ranges,
        [IdRange { start: 165_536, count: 1000 }, IdRange { start: 300_000, count: 70_000 }]
    );
    assert_eq!(subuids.total(), 71_000);
    assert_eq!(subuids.next_free, 465_536);
}

#[tokio::test]
async fn a_user_without_a_line_in_passwd_has_the_name_of_the_environment() {
    let machine = Machine::fedora();
    machine.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    let user = machine.facts().await.user;
    assert_eq!((user.name.as_deref(), user.local), (Some("ada"), false));
}

#[tokio::test]
async fn with_systemd_the_users_manager_decides_and_not_the_session() {
    let facts = Machine::fedora().facts().await;
    assert_eq!(facts.cgroup.version, CgroupVersion::V2);
    assert_eq!(facts.cgroup.deciding, Some(ScopeKind::UserService));
    assert_eq!(facts.cgroup.missing(), [""; 0]);
    assert_eq!(facts.cgroup.scope(ScopeKind::Own).unwrap().controllers, ["memory", "pids"]);
}

#[tokio::test]
async fn the_users_manager_is_found_below_other_slices() {
    let machine = Machine::fedora();
    let service = "/odd.slice/user@1000.service";
    machine
        .file("/proc/self/cgroup", &format!("0::{service}/app.slice/x.scope\n"))
        .group(service, "cpu");
    let cgroup = machine.facts().await.cgroup;
    assert_eq!(cgroup.scope(ScopeKind::UserService).unwrap().path, service);
    assert_eq!(cgroup.delegated, ["cpu"]);
}

#[tokio::test]
async fn without_systemd_the_root_group_decides() {
    let mut machine = Machine::fedora();
    machine.info()["host"]["cgroupManager"] = json!("cgroupfs");
    machine.group("/", "memory pids");
    let cgroup = machine.facts().await.cgroup;
    assert_eq!(cgroup.deciding, Some(ScopeKind::Root));
    assert_eq!(cgroup.container_parent(), None);
    assert_eq!(cgroup.missing(), ["cpu", "cpuset", "io"]);
}

#[tokio::test]
async fn without_systemd_a_group_of_the_users_own_decides() {
    let mut machine = Machine::fedora();
    machine.info()["host"]["cgroupManager"] = json!("cgroupfs");
    machine
        .file("/proc/self/cgroup", "0::/ada/session\n")
        .gone("/sys/fs/cgroup/cgroup.procs")
        .group("/ada", "cpu memory pids")
        .group("/ada/session", "")
        .file("/sys/fs/cgroup/ada/session/cgroup.procs", "4711\n");
    let cgroup = machine.facts().await.cgroup;
    assert_eq!(cgroup.deciding, Some(ScopeKind::Parent));
    assert_eq!(cgroup.container_parent(), Some("/ada"));
    assert_eq!(cgroup.delegated, ["cpu", "memory", "pids"]);

    // A group that holds processes passes on what it passes on already.
    machine
        .file("/sys/fs/cgroup/ada/cgroup.procs", "4712\n")
        .file("/sys/fs/cgroup/ada/cgroup.subtree_control", "pids\n");
    let cgroup = machine.facts().await.cgroup;
    assert_eq!(cgroup.delegated, ["pids"]);
}

#[tokio::test]
async fn without_systemds_manager_a_group_of_the_users_systemd_is_not_given_to_podman() {
    let mut machine = Machine::fedora();
    machine.info()["host"]["cgroupManager"] = json!("cgroupfs");
    let slices = "/user.slice/user-1000.slice";
    let apps = format!("{slices}/user@1000.service/app.slice");
    machine
        .file("/proc/self/cgroup", &format!("0::{apps}/run-7.scope\n"))
        .gone("/sys/fs/cgroup/cgroup.procs")
        .group(&apps, "cpu memory pids")
        .group(&format!("{apps}/run-7.scope"), "cpu memory pids");
    let cgroup = machine.facts().await.cgroup;
    assert_eq!(cgroup.scopes.last().unwrap().kind, ScopeKind::Own);
    assert_eq!((cgroup.deciding, cgroup.container_parent()), (None, None));
}

#[tokio::test]
async fn nftables_takes_many_ports_only_with_a_large_send_buffer() {
    for (driver, bytes, many) in [
        ("nftables", "212992\n", false),
        ("nftables", "4194304\n", true),
        ("iptables", "212992\n", true),
    ] {
        let mut machine = Machine::fedora();
        machine.sources.environment.insert("NETAVARK_FW".into(), driver.into());
        machine.file("/proc/sys/net/core/wmem_max", bytes);
        let facts = machine.facts().await;
        assert_eq!(crate::plan::Machine::from_facts(&facts).many_ports, many, "{driver} {bytes}");
    }
}

#[tokio::test]
async fn version_1_holds_controllers_back() {
    let machine = Machine::fedora();
    machine.file("/proc/self/cgroup", "4:memory:/a\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n");
    let cgroup = machine.facts().await.cgroup;
    assert_eq!(cgroup.held_by_v1, ["memory", "cpu", "cpuacct"]);
    assert_eq!(cgroup.own.as_deref(), Some("/"));
}

#[tokio::test]
async fn modules_from_the_module_folder() {
    let kernel = Machine::fedora().facts().await.kernel;
    assert_eq!(kernel.version, Some((6, 14)));
    assert_eq!(kernel.module("overlay"), ModuleState::Loaded);
    assert_eq!(kernel.module("xt_mark"), ModuleState::BuiltIn);
    assert_eq!(kernel.module("veth"), ModuleState::Loadable);
    assert_eq!(kernel.module("nf_conntrack_netlink"), ModuleState::Missing);
}

#[tokio::test]
async fn modules_from_the_configuration() {
    let machine = Machine::fedora();
    let release = "6.14.5-300.fc42.x86_64";
    machine.gone("/lib/modules").gone("/proc/modules").file(
        &format!("/boot/config-{release}"),
        "CONFIG_VETH=y\nCONFIG_NF_NAT=m\n# CONFIG_BRIDGE is not set\n",
    );
    let kernel = machine.facts().await.kernel;
    assert_eq!(kernel.module("veth"), ModuleState::BuiltIn);
    assert_eq!(kernel.module("nf_nat"), ModuleState::Unknown);
    assert_eq!(kernel.module("bridge"), ModuleState::Missing);
}

#[tokio::test]
async fn limits_of_every_group_around_the_node() {
    let machine = Machine::fedora();
    machine
        .file("/sys/fs/cgroup/user.slice/pids.max", "900\n")
        .file("/usr/share/containers/containers.conf", "#pids_limit = 1\n")
        .file("/etc/containers/containers.conf", "[containers]\npids_limit = 2048\n")
        .file("/home/ada/.config/containers/containers.conf.d/a.conf", "pids_limit=0 # none\n");
    let mut sources = machine.sources.clone();
    sources.environment.insert("XDG_CONFIG_HOME".into(), "/home/ada/.config".into());
    let limits = HostFacts::gather(sources).await.limits;
    assert_eq!(limits.cgroup_pids, Some(900));
    assert_eq!(limits.podman_pids, Some(0));
}

#[tokio::test]
async fn podmans_version_without_the_words_distributions_add() {
    for (text, expected) in [("4.9.4-rhel", "4.9.4"), ("5.4.0~rc1", "5.4.0"), ("6.0", "6.0.0")] {
        let mut machine = Machine::fedora();
        machine.info()["version"]["Version"] = json!(text);
        let podman = machine.facts().await.podman;
        assert_eq!(podman.version.unwrap().to_string(), expected, "{text}");
    }
    let mut machine = Machine::fedora();
    machine.sources.podman = broken("3.4.4");
    assert_eq!(machine.facts().await.podman.version.unwrap().to_string(), "3.4.4");
}

#[tokio::test]
async fn an_empty_machine_says_nothing_and_breaks_nothing() {
    let mut machine = Machine::fedora();
    let empty = tempfile::tempdir().unwrap();
    machine.sources.root = crate::host::Root::new(empty.path());
    for podman in [PodmanAnswer::NotInstalled, PodmanAnswer::Info(json!({}))] {
        machine.sources.podman = podman;
        let report = machine.report().await;
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
        Sources::of_this_machine(None).await.program("podman", &[]).is_some()
    );
    assert!(report.findings.len() >= 15, "{:#?}", report.findings);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), report.findings.len());
}

#[tokio::test]
async fn nodes_start_with_the_machine_if_the_user_or_the_administrator_enabled_it() {
    const UNIT: &str = "systemd/user/default.target.wants/podman-restart.service";
    for folder in ["/home/ada/.config", "/etc"] {
        let machine = Machine::fedora();
        assert!(!machine.facts().await.session.starts_at_boot, "{folder}");
        let link = machine.sources.root.path(format!("{folder}/{UNIT}"));
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/usr/lib/systemd/user/podman-restart.service", &link).unwrap();
        assert!(machine.facts().await.session.starts_at_boot, "{folder}");
    }
}
