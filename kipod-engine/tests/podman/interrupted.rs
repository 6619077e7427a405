//! Leftovers of a killed Podman.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kipod_engine::podman::{Podman, PodmanCli, PodmanError, Service};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::{Fixture, external_containers};

/// Timeout for killing Podman at the right moment: a window of tens of milliseconds in each attempt.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Creates a container, and kills Podman and its children as soon as the storage lists the
/// container's name. Each killed Podman leaks one of 2048 locks, until `podman system renumber`.
fn create_and_kill(name: &str, image: &str, list: &Path) {
    let mut podman = Command::new("podman");
    podman.args(["create", "--network", "none", "--name", name, image, "true"]);
    podman.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut podman = podman.spawn().unwrap();
    let is_listed = || std::fs::read_to_string(list).is_ok_and(|text| text.contains(name));
    while !is_listed() && podman.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let _ = kill_process_group(Pid::from_child(&podman), Signal::KILL);
    podman.wait().unwrap();
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn an_external_container_is_removed_by_name() {
    let fixture = Fixture::new().await;
    let network = fixture.network("n").await;
    let options = fixture.options("c", &network, None).await;
    let name = &options.name;
    let info = PodmanCli::new().info().await.unwrap();
    let list = info.store_root.join(format!("{}-containers/containers.json", info.store_driver));

    let start = Instant::now();
    let is_external = || external_containers().unwrap().iter().any(|(_, of)| of == name);
    loop {
        create_and_kill(name, &options.image, Path::new(&list));
        if is_external() {
            break;
        }
        fixture.podman.remove_container(name).await.unwrap();
        assert!(start.elapsed() < TIMEOUT, "podman was not killed at the right moment");
    }

    // Podman writes the list before the file that tells running services to reload it. A Podman killed
    // in between leaves the fixture's service with a stale list, so connect to a new service.
    let podman = Service::connect(&fixture.runtime.path().join("afterwards"), None).await.unwrap();

    // Names that only share a prefix or suffix do not match.
    for other in [&name[1..], &name[..name.len() - 1], &format!("x{name}"), &format!("{name}c")] {
        assert!(!podman.remove_container_files(other).await.unwrap());
    }
    assert!(is_external());
    let refused = podman.create_container(&options).await;
    assert!(
        matches!(refused, Err(PodmanError::NameInUse { kind: "container", .. })),
        "{refused:?}"
    );
    assert!(podman.remove_container_files(name).await.unwrap());
    assert!(!podman.remove_container_files(name).await.unwrap());
    podman.create_container(&options).await.unwrap();
    // This container is in Podman's database.
    assert!(!podman.remove_container_files(name).await.unwrap());
    assert!(podman.remove_container(name).await.unwrap());
}
