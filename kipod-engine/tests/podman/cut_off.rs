//! What is left where Podman itself is killed at work.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kipod_engine::podman::{Podman, PodmanCli, PodmanError, Service};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::{Corner, can_run, only_files};

/// How long it is tried to kill a Podman at the right moment, of which each has tens of milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Creates a container and kills Podman, with its children, once the container's name is in the
/// storage's list. Each that is killed keeps one of Podman's 2048 locks, which only `podman system renumber`
/// gives back.
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
async fn a_container_of_which_there_are_only_files_is_removed_by_its_name() {
    if !can_run("cut_off::a_container_of_which_there_are_only_files_is_removed_by_its_name") {
        return;
    }
    let corner = Corner::new().await;
    let network = corner.network("n").await;
    let options = corner.options("c", &network, None).await;
    let name = &options.name;
    let info = PodmanCli::new().info().await.unwrap();
    let list = info.store_root.join(format!("{}-containers/containers.json", info.store_driver));

    let begun = Instant::now();
    let has_only_files = || only_files().unwrap().iter().any(|(_, of)| of == name);
    loop {
        create_and_kill(name, &options.image, &list);
        if has_only_files() {
            break;
        }
        corner.podman.remove_container(name).await.unwrap();
        assert!(begun.elapsed() < PATIENCE, "podman was never killed at the right moment");
    }

    // Podman writes the list first, and after it the mark by which a service that runs sees that another
    // one wrote. Killed in between, the corner's service takes the name for free: one that is started
    // afterwards reads the list.
    let podman = Service::connect(&corner.runtime.path().join("afterwards"), None).await.unwrap();

    // One of another name, or of one that begins or ends so, is not meant.
    for other in [&name[1..], &name[..name.len() - 1], &format!("x{name}"), &format!("{name}c")] {
        assert!(!podman.remove_container_files(other).await.unwrap());
    }
    assert!(has_only_files());
    let refused = podman.create_container(&options).await;
    assert!(
        matches!(refused, Err(PodmanError::NameInUse { kind: "container", .. })),
        "{refused:?}"
    );
    assert!(podman.remove_container_files(name).await.unwrap());
    assert!(!podman.remove_container_files(name).await.unwrap());
    podman.create_container(&options).await.unwrap();
    // Podman knows this one.
    assert!(!podman.remove_container_files(name).await.unwrap());
    assert!(podman.remove_container(name).await.unwrap());
}
