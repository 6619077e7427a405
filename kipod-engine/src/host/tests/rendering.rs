//! Reports as text and as JSON.

use super::test_host::{TestHost, failed_podman};
use crate::host::check::render_text;

#[tokio::test]
async fn complete_fedora() {
    let mut host = TestHost::fedora();
    host.node_image(true);
    insta::assert_snapshot!(host.report().await.text(false));
}

#[tokio::test]
async fn debian_12_as_installed() {
    insta::assert_snapshot!(TestHost::debian().report().await.text(false));
}

#[tokio::test]
async fn ubuntu_with_restricted_user_namespaces() {
    let mut host = TestHost::debian();
    host.sources.podman = failed_podman("5.5.2");
    host.release("ubuntu", "debian", "24.04")
        .file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
    insta::assert_snapshot!(host.report().await.text(false));
}

#[tokio::test]
async fn colours_only_add_escape_sequences() {
    let findings = TestHost::debian().report().await.findings;
    let coloured = render_text(&findings, true);
    assert!(coloured.starts_with("\x1b[32mpass\x1b[0m  podman "), "{coloured}");
    assert!(coloured.contains("\x1b[33musable with warnings\x1b[0m: "), "{coloured}");
    let plain = ["\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"]
        .iter()
        .fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(plain, render_text(&findings, false));
}

#[tokio::test]
async fn json_names_are_stable() {
    let report = TestHost::debian().report().await;
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
