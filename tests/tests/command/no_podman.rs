//! A machine without Podman.

use super::home::Home;

#[test]
fn creation_stops_before_it_makes_anything_and_says_how_to_get_podman() {
    let home = Home::new();
    let output = home.kipod(&["create", "cluster"]).run().failed(1);
    let output = output.said(&["podman", "\nhint: "]);
    assert_eq!(output.stdout, "");
    assert_eq!(home.files(), [""; 0], "{output}");
}

#[test]
fn whatever_needs_podman_says_that_it_is_not_installed() {
    let home = Home::new();
    for words in [
        ["delete", "cluster"].as_slice(),
        &["delete", "clusters", "--all"],
        &["get", "nodes", "--all-clusters"],
        &["export", "logs"],
    ] {
        let output = home.kipod(words).run().failed(1);
        output.said(&["error: `podman` is not installed\nhint: "]);
    }
}

#[test]
fn a_service_that_does_not_answer_is_named() {
    let home = Home::new();
    let socket = format!("unix://{}", home.path("nobody.sock").display());
    let kipod = home.kipod(&["delete", "cluster"]).env("CONTAINER_HOST", &socket);
    kipod.run().failed(1).said(&["the Podman service at", "nobody.sock", "does not respond", "\nhint: "]);
    let kipod = home.kipod(&["delete", "cluster"]).env("CONTAINER_HOST", "ssh://there/podman.sock");
    kipod.run().failed(1).said(&["ssh://there/podman.sock", "must be a `unix://` URL"]);
}

/// Puts a program called `podman` on the user's `PATH`.
fn install(home: &Home, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let podman = home.path("bin/podman");
    std::fs::write(&podman, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&podman, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_podman_that_fails_is_quoted() {
    let home = Home::new();
    install(&home, "echo 'cannot set up namespace' >&2; exit 125");
    let output = home.kipod(&["delete", "cluster"]).run().failed(1);
    output.said(&["the Podman service at", "does not respond", "cannot set up namespace", "\nhint: "]);
}

#[test]
fn a_podman_that_is_too_old_is_told_with_the_version_it_takes() {
    let home = Home::new();
    install(&home, r#"echo '{"version": {"Version": "3.4.2"}, "host": {}, "store": {}}'"#);
    let output = home.kipod(&["create", "cluster"]).run().failed(1);
    output.said(&["\n  podman: ", "3.4.2", "4.0", "\nhint: "]);
    let left = home.files().into_iter().filter(|file| file.starts_with("home/"));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
}
