//! What people and scripts get to see.

use super::machine::{Machine, broken};
use crate::host::render_text;

#[tokio::test]
async fn fedora_with_everything() {
    let mut machine = Machine::fedora();
    machine.node_image(true);
    insta::assert_snapshot!(machine.report().await.text(false));
}

#[tokio::test]
async fn debian_12_as_installed() {
    insta::assert_snapshot!(Machine::debian().report().await.text(false));
}

#[tokio::test]
async fn ubuntu_with_a_podman_that_may_not_run() {
    let mut machine = Machine::debian();
    machine.sources.podman = broken("5.5.2");
    machine
        .release("ubuntu", "debian", "24.04")
        .file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
    insta::assert_snapshot!(machine.report().await.text(false));
}

#[tokio::test]
async fn colours_change_nothing_but_colours() {
    let findings = Machine::debian().report().await.findings;
    let coloured = render_text(&findings, true);
    assert!(coloured.starts_with("\x1b[32mpass\x1b[0m  podman "), "{coloured}");
    assert!(coloured.contains("\x1b[33musable with warnings\x1b[0m: "), "{coloured}");
    let plain = ["\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"]
        .iter()
        .fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(plain, render_text(&findings, false));
}

#[tokio::test]
async fn json_has_stable_names() {
    let report = Machine::debian().report().await;
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdict"], "usable_with_warnings");
    insta::assert_snapshot!(serde_json::to_string_pretty(&json["facts"]).unwrap());
    let finding = &json["findings"][0];
    assert_eq!(
        finding,
        &serde_json::json!({
            "check": "podman", "status": "pass", "found": "podman 4.3.1 with crun", "remedy": null
        })
    );
}
