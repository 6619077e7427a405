use std::path::Path;

use kipod_engine::podman::{Podman, PodmanCli, PodmanError, Service};

use crate::support::can_run;

/// The processes whose command line holds `word`, by id.
fn processes(word: &str) -> Vec<i32> {
    let ids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name();
        let id: i32 = name.to_str()?.parse().ok()?;
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
        line.contains(word).then_some(id)
    });
    ids.collect()
}

fn socket(service: &Service) -> String {
    service.socket().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_service_of_our_own_ends_with_us() {
    if !can_run("service::a_service_of_our_own_ends_with_us") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("kipod");
    let service = Service::connect(&runtime, None).await.unwrap();
    let socket = socket(&service);
    assert!(socket.starts_with(runtime.to_str().unwrap()), "{socket}");
    assert!(!processes(&socket).is_empty());
    service.containers("").await.unwrap();
    drop(service);
    assert_eq!(processes(&socket), [0; 0]);
    assert_eq!(std::fs::read_dir(&runtime).unwrap().count(), 0, "files are left");
}

#[tokio::test]
async fn a_service_that_was_killed_is_started_again() {
    if !can_run("service::a_service_that_was_killed_is_started_again") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let service = Service::connect(folder.path(), None).await.unwrap();
    for id in processes(&socket(&service)) {
        let id = rustix::process::Pid::from_raw(id).unwrap();
        let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
    }
    let socket = socket(&service);
    // Its command line goes before its socket does.
    while std::os::unix::net::UnixStream::connect(&socket).is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    service.networks("").await.unwrap();
    drop(service);
    assert_eq!(processes(&socket), [0; 0]);
}

#[tokio::test]
async fn a_service_that_runs_already_is_used() {
    if !can_run("service::a_service_that_runs_already_is_used") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let first = Service::connect(&folder.path().join("kipod"), None).await.unwrap();
    // As if it were the login session's.
    let session = folder.path().join("podman/podman.sock");
    std::fs::create_dir(folder.path().join("podman")).unwrap();
    std::os::unix::fs::symlink(first.socket(), &session).unwrap();
    let second = Service::connect(&folder.path().join("kipod"), None).await.unwrap();
    assert_eq!(second.socket(), session);
    second.volumes("").await.unwrap();
    // As `CONTAINER_HOST` says.
    let host = format!("unix://{}", socket(&first));
    let third = Service::connect(Path::new("/nowhere"), Some(&host)).await.unwrap();
    assert_eq!(third.socket(), first.socket());
    third.volumes("").await.unwrap();
}

#[tokio::test]
async fn a_service_that_was_asked_for_and_does_not_answer_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = format!("unix://{}/nobody.sock", folder.path().display());
    for host in [nobody.as_str(), "ssh://somewhere/podman.sock"] {
        let error = Service::connect(folder.path(), Some(host)).await.unwrap_err();
        assert!(matches!(error, PodmanError::ServiceUnavailable { .. }), "{error:?}");
        assert!(error.to_string().contains(host.trim_start_matches("unix://")), "{error}");
    }
}

#[tokio::test]
async fn the_command_knows_its_version_and_facts() {
    if !can_run("service::the_command_knows_its_version_and_facts") {
        return;
    }
    let version = PodmanCli::new().version().await.unwrap();
    assert!(version.major >= 4, "{version}");
    let info = PodmanCli::new().info().await.unwrap();
    assert_eq!(info.version, version.to_string());
    assert!(info.rootless, "these tests want a rootless Podman");
}
