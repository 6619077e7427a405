//! Hosts without Podman, or with an unusable one.

use super::support::Home;

#[test]
fn create_without_podman_creates_nothing() {
    Home::new().test(&["create", "cluster"]).stderr_contains(&["podman", "\nhint: "]).failure(1);
}

#[test]
fn create_checks_the_environment_first() {
    let home = Home::new();
    let directory = home.path("home");
    let directory = directory.to_str().unwrap();
    let cannot_read = format!("cannot read kubeconfig `{directory}`: it is a directory\nhint: ");
    home.test(&["create", "cluster"])
        .env("KUBECONFIG", directory)
        .stderr_contains(&["the cluster cannot be added to your kubeconfig: ", &cannot_read])
        .failure(1);
    home.test(&["create", "cluster"])
        .env("TMPDIR", "/none")
        .stderr_contains(&["the variable `TMPDIR` is `/none`, which is not a directory"])
        .failure(1);
}

#[test]
fn commands_report_missing_podman_with_a_hint() {
    let home = Home::new();
    for args in [
        ["delete", "cluster"].as_slice(),
        &["delete", "clusters", "--all"],
        &["get", "nodes", "--all-clusters"],
        &["export", "logs"],
    ] {
        home.test(args).stderr_contains(&["error: `podman` is not installed\nhint: "]).failure(1);
    }
}

#[test]
fn unreachable_service_is_reported_with_its_socket() {
    let home = Home::new();
    let socket = format!("unix://{}", home.path("missing.sock").display());
    home.test(&["delete", "cluster"])
        .env("CONTAINER_HOST", &socket)
        .stderr_contains(&["the Podman service at", "missing.sock", "does not respond", "\nhint: "])
        .failure(1);
    home.test(&["delete", "cluster"])
        .env("CONTAINER_HOST", "ssh://there/podman.sock")
        .stderr_contains(&["ssh://there/podman.sock", "must be a `unix://` URL"])
        .failure(1);
}

#[test]
fn failed_podman_is_reported_with_its_stderr() {
    let home = Home::new();
    home.install_podman("echo 'cannot set up namespace' >&2; exit 125");
    home.test(&["delete", "cluster"])
        .stderr_contains(&[
            "the Podman service at",
            "does not respond",
            "cannot set up namespace",
            "\nhint: ",
        ])
        .failure(1);
}

#[test]
fn empty_variables_are_not_passed_to_podman() {
    let home = Home::new();
    let variables = ["CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINERS_STORAGE_CONF"];
    home.install_podman(
        r#"echo "set: ${CONTAINER_HOST-no} ${CONTAINER_CONNECTION-no} ${CONTAINERS_STORAGE_CONF-no}" >&2; exit 125"#,
    );
    let test = home.test(&["delete", "cluster"]);
    let test = variables.iter().fold(test, |test, name| test.env(name, ""));
    test.stderr_contains(&["set: no no no"]).failure(1);
}

#[test]
fn old_podman_is_reported_with_the_required_version() {
    let home = Home::new();
    home.install_podman(r#"echo '{"version": {"Version": "3.4.2"}, "host": {}, "store": {}}'"#);
    home.test(&["create", "cluster"])
        .stderr_contains(&["\n  podman: ", "3.4.2", "4.0", "\nhint: "])
        .creates_files()
        .failure(1);
    let files = home.files().into_iter().filter(|file| file.starts_with("home/"));
    assert_eq!(files.collect::<Vec<_>>(), [""; 0]);
}
