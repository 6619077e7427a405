//! A name that is not as free as it should be.

use super::*;
use crate::lease::NameLock;

#[tokio::test]
async fn what_a_killed_creation_left_is_removed_first() {
    let world = World::new();
    leave_half(&world).await;
    let error = world.create_until_kubeadm_fails(request()).await;
    assert!(matches!(error, CreateError::NodeFailed { .. }), "{error}");
    assert_eq!(
        world.changes()[1..4],
        [
            "remove_volume demo-control-plane-0",
            "create_network kipod-demo 10.89.0.0/24",
            "create_volume demo-control-plane-0",
        ]
    );
    world.assert_nothing_left();
}

#[tokio::test]
async fn leftovers_that_cannot_be_removed_stop_it() {
    let world = World::new();
    leave_half(&world).await;
    world.podman.fail("remove_volume", refusal);
    let error = world.create(request()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot remove what is left of cluster `demo`: cluster `demo` is not all gone:\n  volume `demo-control-plane-0`: do that: no space left"
    );
    assert_eq!(world.count("create_network"), 0);
    assert!(world.record().is_some());
}

#[tokio::test]
async fn things_without_a_record_are_not_touched() {
    let world = World::new();
    leave_volume(&world).await;
    let error = world.create(request()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "podman has volume `demo-control-plane-0` of a cluster `demo` that kipod has no record of"
    );
    assert_eq!(error.hint().unwrap(), "run `kipod delete cluster demo`");
    assert_eq!(world.count("remove_"), 0);
    assert!(!world.podman.is_empty());
}

#[tokio::test]
async fn what_is_left_of_a_folder_is_not_taken_for_the_new_clusters() {
    let world = World::new();
    let half = world.cluster_dir().join("images/overlay-images");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("images.json"), "[half").unwrap();
    // The new store is there by then.
    world.podman.fail("create_volume", refusal);
    let error = world.create(retaining()).await.unwrap_err();
    assert!(matches!(error, CreateError::Podman { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(half.join("images.json")).unwrap(), "[]");
}

#[tokio::test]
async fn a_cluster_that_is_there_stays() {
    let world = World::new();
    leave_half(&world).await;
    let record = Record { complete: true, ..world.record().unwrap() };
    record.write(&world.dirs.state).unwrap();
    let error = world.create(request()).await.unwrap_err();
    assert_eq!(error.to_string(), "cluster `demo` exists already");
    assert!(error.hint().unwrap().contains("kipod delete cluster demo"));
    assert_eq!(world.count("remove_"), 0);
    assert_eq!(world.record(), Some(record));
}

#[tokio::test]
async fn a_name_that_somebody_works_on_is_left_alone() {
    let world = World::new();
    let lock = NameLock::take(&world.dirs.state, &name()).unwrap();
    let error = world.create(request()).await.unwrap_err();
    assert!(error.to_string().contains("cluster `demo` is in use by another process"), "{error}");
    assert_eq!(world.podman.calls(), [""; 0]);
    drop(lock);
    let again = world.create_until_kubeadm_fails(request()).await;
    assert!(matches!(again, CreateError::NodeFailed { .. }), "{again}");
}

#[tokio::test]
async fn a_record_that_is_none_stops_creation_and_delete_mends_it() {
    let world = World::new();
    leave_half(&world).await;
    let file = world.cluster_dir().join("cluster.json");
    std::fs::write(&file, "{").unwrap();
    let error = world.create(request()).await.unwrap_err();
    assert!(error.to_string().contains("cluster.json` is no cluster record"), "{error}");
    crate::cluster::remove(&world.podman, &world.dirs, &name()).await.unwrap();
    world.assert_nothing_left();
}

#[tokio::test]
async fn what_podman_has_only_files_of_goes_too() {
    let world = World::new();
    world.podman.leave_partial(NODE);
    let error = world.create(request()).await.unwrap_err();
    assert!(
        error.to_string().ends_with("container `demo-control-plane-0` already exists"),
        "{error}"
    );
    world.assert_nothing_left();
    let again = world.create_until_kubeadm_fails(request()).await;
    assert!(matches!(again, CreateError::NodeFailed { .. }), "{again}");
}

#[tokio::test]
async fn what_others_have_of_a_nodes_name_stays() {
    let world = World::new();
    let theirs = crate::podman::VolumeOptions { name: NODE.to_owned(), labels: Default::default() };
    world.podman.create_volume(&theirs).await.unwrap();
    let error = world.create(request()).await.unwrap_err();
    assert!(error.to_string().ends_with("volume `demo-control-plane-0` already exists"), "{error}");
    assert!(world.warnings().is_empty(), "{:?}", world.warnings());
    let left = world.podman.volumes("").await.unwrap();
    assert_eq!(left.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(), [NODE]);
    assert!(!world.cluster_dir().exists());
}
