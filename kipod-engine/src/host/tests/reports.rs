//! Reports: all findings and the verdict.

use super::findings::assert_findings;
use super::test_host::TestHost;
use crate::host::probe::PodmanResponse;
use crate::host::{Report, Status, Verdict};
use crate::util::Hint;

#[tokio::test]
async fn debian_12_is_usable_with_warnings() {
    let report = TestHost::debian().report().await;
    assert_findings(
        &report.findings,
        &[
            ("cgroup_controllers", Status::Warn, "Delegate=cpu cpuset io memory pids"),
            ("inotify_instances", Status::Warn, "128"),
            ("lingering", Status::Warn, "enable-linger"),
        ],
    );
    assert_eq!(report.verdict, Verdict::UsableWithWarnings);
}

#[tokio::test]
async fn verdict_determines_the_exit_code() {
    let mut host = TestHost::fedora();
    let verdict = async |host: &TestHost| host.report().await.verdict;
    assert_eq!(verdict(&host).await, Verdict::Usable);
    host.node_image(false);
    assert_eq!(verdict(&host).await, Verdict::UsableWithWarnings);
    host.sources.podman = PodmanResponse::NotInstalled;
    assert_eq!(verdict(&host).await, Verdict::Unusable);
    let codes = [Verdict::Usable, Verdict::Unusable, Verdict::UsableWithWarnings];
    assert_eq!(codes.map(Verdict::exit_code), [0, 1, 3]);
}

#[tokio::test]
async fn require_usable_returns_the_remedies() {
    let host = TestHost::fedora();
    host.gone("/dev/net/tun").gone("/usr/bin/newuidmap").gone("/usr/bin/newgidmap");
    let report: Report = host.report().await;
    let error = report.require_usable().unwrap_err();
    assert_eq!(
        error.to_string(),
        "this host cannot run clusters:\n  subuid: `newuidmap` is not installed\n  subgid: `newgidmap` is not installed\n  dev_net_tun: /dev/net/tun is missing; rootless networks need it"
    );
    assert_eq!(
        error.hint().unwrap(),
        "sudo dnf install shadow-utils\necho tun | sudo tee /etc/modules-load.d/kipod-tun.conf\nsudo modprobe tun\nrun `kipod check` for the complete report"
    );
}
