//! Leftovers and names in use.

use super::*;
use crate::lease::NameLock;

#[tokio::test]
async fn create_removes_leftovers_first() {
    let world = World::new();
    leave_incomplete(&world).await;
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
async fn create_fails_if_leftovers_cannot_be_removed() {
    let world = World::new();
    leave_incomplete(&world).await;
    world.podman.fail("remove_volume", refusal);
    let error = world.create(request()).await.unwrap_err();
    assert_eq!(
        error_chain(&error),
        "cannot remove the leftovers of cluster `demo`: failed to delete cluster `demo` completely:\n  volume `demo-control-plane-0`: do that: no space left"
    );
    assert_eq!(world.count("create_network"), 0);
    assert!(world.record().is_some());
}

#[tokio::test]
async fn create_keeps_unrecorded_resources() {
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
async fn create_replaces_a_partial_image_store() {
    let world = World::new();
    let half = world.cluster_dir().join("images/overlay-images");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("images.json"), "[half").unwrap();
    // Fails after the new store was created.
    world.podman.fail("create_volume", refusal);
    let error = world.create(retaining()).await.unwrap_err();
    assert!(matches!(error, CreateError::Podman { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(half.join("images.json")).unwrap(), "[]");
}

#[tokio::test]
async fn create_refuses_a_used_name() {
    let world = World::new();
    leave_incomplete(&world).await;
    let record = Record { complete: true, ..world.record().unwrap() };
    record.write(&world.dirs.state).unwrap();
    let error = world.create(request()).await.unwrap_err();
    assert_eq!(error.to_string(), "cluster `demo` already exists");
    assert!(error.hint().unwrap().contains("kipod delete cluster demo"));
    assert_eq!(world.count("remove_"), 0);
    assert_eq!(world.record(), Some(record));
}

#[tokio::test]
async fn create_refuses_a_locked_name() {
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
async fn create_refuses_an_invalid_record() {
    let world = World::new();
    leave_incomplete(&world).await;
    let file = world.cluster_dir().join("cluster.json");
    std::fs::write(&file, "{").unwrap();
    let error = world.create(request()).await.unwrap_err();
    assert!(error.to_string().contains("cluster.json` is not a cluster record"), "{error}");
    crate::cluster::remove(&world.podman, &world.dirs, &name()).await.unwrap();
    world.assert_nothing_left();
}

#[tokio::test]
async fn rollback_removes_containers_podman_does_not_list() {
    let world = World::new();
    world.podman.leave_partial(NODE);
    let error = world.create(request()).await.unwrap_err();
    assert!(
        error_chain(&error).ends_with("container `demo-control-plane-0` already exists"),
        "{error}"
    );
    world.assert_nothing_left();
    let again = world.create_until_kubeadm_fails(request()).await;
    assert!(matches!(again, CreateError::NodeFailed { .. }), "{again}");
}

#[tokio::test]
async fn rollback_keeps_unlabelled_resources() {
    let world = World::new();
    let theirs = crate::podman::VolumeOptions { name: NODE.to_owned(), labels: Default::default() };
    world.podman.create_volume(&theirs).await.unwrap();
    let error = world.create(request()).await.unwrap_err();
    assert!(
        error_chain(&error).ends_with("volume `demo-control-plane-0` already exists"),
        "{error}"
    );
    assert!(world.warnings().is_empty(), "{:?}", world.warnings());
    let left = world.podman.volumes("").await.unwrap();
    assert_eq!(left.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(), [NODE]);
    assert!(!world.cluster_dir().exists());
}
