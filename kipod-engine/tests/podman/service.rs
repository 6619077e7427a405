use std::path::Path;

use kipod_engine::podman::{Podman, PodmanCli, PodmanError, Service};

/// Returns the ids of processes with `word` in their command line.
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
#[ignore = "needs rootless Podman and a static busybox"]
async fn dropping_a_service_stops_its_process() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = dir.path().join("kipod");
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
#[ignore = "needs rootless Podman and a static busybox"]
async fn a_killed_service_is_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::connect(dir.path(), None).await.unwrap();
    for id in processes(&socket(&service)) {
        let id = rustix::process::Pid::from_raw(id).unwrap();
        let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
    }
    let socket = socket(&service);
    // A dying process loses its command line before its socket.
    while std::os::unix::net::UnixStream::connect(&socket).is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    service.networks("").await.unwrap();
    drop(service);
    assert_eq!(processes(&socket), [0; 0]);
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn connect_uses_a_running_service() {
    let dir = tempfile::tempdir().unwrap();
    let first = Service::connect(&dir.path().join("kipod"), None).await.unwrap();
    // Stands for the socket of the login session.
    let session = dir.path().join("podman/podman.sock");
    std::fs::create_dir(dir.path().join("podman")).unwrap();
    std::os::unix::fs::symlink(first.socket(), &session).unwrap();
    let second = Service::connect(&dir.path().join("kipod"), None).await.unwrap();
    assert_eq!(second.socket(), session);
    second.volumes("").await.unwrap();
    // Stands for the value of `CONTAINER_HOST`.
    let host = format!("unix://{}", socket(&first));
    let third = Service::connect(Path::new("/nowhere"), Some(&host)).await.unwrap();
    assert_eq!(third.socket(), first.socket());
    third.volumes("").await.unwrap();
}

#[tokio::test]
async fn connect_reports_an_unreachable_service() {
    let dir = tempfile::tempdir().unwrap();
    let missing = format!("unix://{}/missing.sock", dir.path().display());
    for host in [missing.as_str(), "ssh://somewhere/podman.sock"] {
        let error = Service::connect(dir.path(), Some(host)).await.unwrap_err();
        assert!(matches!(error, PodmanError::ServiceUnavailable { .. }), "{error:?}");
        assert!(error.to_string().contains(host.trim_start_matches("unix://")), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn the_command_reports_version_and_info() {
    let version = PodmanCli::new().version().await.unwrap();
    assert!(version.major >= 4, "{version}");
    let info = PodmanCli::new().info().await.unwrap();
    assert_eq!(info.version, version.to_string());
    assert!(info.rootless, "these tests need a rootless Podman");
}
