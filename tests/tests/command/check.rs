//! `kipod check`.

use super::support::Home;

const STATUSES: [&str; 3] = ["pass", "warn", "fail"];

#[test]
fn check_reports_missing_podman_with_a_remedy() {
    let output = Home::new().test(&["check", "--output", "json"]).stdout_contains(&[]).failure(1);
    let report = output.json();
    assert_eq!(report["verdict"], "unusable", "{output}");
    let findings = report["findings"].as_array().expect("findings");
    for finding in findings {
        let status = finding["status"].as_str().expect("a status");
        assert!(STATUSES.contains(&status), "{finding}");
        assert!(finding["check"].as_str().is_some_and(|check| !check.is_empty()), "{finding}");
        assert!(finding["found"].as_str().is_some_and(|found| !found.is_empty()), "{finding}");
        if status != "pass" {
            assert!(!finding["remedy"].is_null(), "no remedy: {finding}");
        }
    }
    let podman = findings.iter().find(|finding| finding["check"] == "podman").expect("podman");
    assert_eq!(podman["status"], "fail", "{podman}");
}

#[test]
fn check_prints_text_without_colors() {
    let output = Home::new().test(&["check"]).stdout_contains(&[]).failure(1);
    assert!(output.stdout.to_lowercase().contains("podman"), "{output}");
    assert!(!output.stdout.contains('\x1b'), "colors in a file: {output}");
}
