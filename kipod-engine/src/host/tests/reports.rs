//! What becomes of all findings together.

use super::machine::Machine;
use super::verdicts::assert_findings;
use crate::host::{PodmanAnswer, Report, Status, Verdict};

#[tokio::test]
async fn debian_12_as_installed() {
    let report = Machine::debian().report().await;
    assert_findings(
        "debian",
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
async fn verdicts_and_exit_codes() {
    let mut machine = Machine::fedora();
    let verdict = async |machine: &Machine| machine.report().await.verdict;
    assert_eq!(verdict(&machine).await, Verdict::Usable);
    machine.node_image(false);
    assert_eq!(verdict(&machine).await, Verdict::UsableWithWarnings);
    machine.sources.podman = PodmanAnswer::NotInstalled;
    assert_eq!(verdict(&machine).await, Verdict::Unusable);
    let codes = [Verdict::Usable, Verdict::Unusable, Verdict::UsableWithWarnings];
    assert_eq!(codes.map(Verdict::exit_code), [0, 1, 3]);
}

#[tokio::test]
async fn what_fails_stops_early_with_its_remedies() {
    let machine = Machine::fedora();
    machine.gone("/dev/net/tun").gone("/usr/bin/newuidmap").gone("/usr/bin/newgidmap");
    let report: Report = machine.report().await;
    let error = report.require_usable().unwrap_err();
    assert_eq!(
        error.to_string(),
        "this machine cannot run a cluster:\n  subuid: `newuidmap` is not installed\n  subgid: `newgidmap` is not installed\n  dev_net_tun: /dev/net/tun is missing, and a user's networks need it"
    );
    assert_eq!(
        error.hint(),
        "sudo dnf install shadow-utils\necho tun | sudo tee /etc/modules-load.d/kipod-tun.conf\nsudo modprobe tun\n`kipod check` shows all that was looked at"
    );
}
