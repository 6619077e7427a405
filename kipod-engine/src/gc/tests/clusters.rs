use super::*;

#[tokio::test]
async fn prune_keeps_complete_clusters() {
    let world = World::new();
    assert_eq!(world.prune().await, Pruned::default());
    world.cluster("mine", true).await;
    assert_eq!(world.prune().await, Pruned::default());
    assert!(world.exists("mine") && !world.podman.is_empty());
}

#[tokio::test]
async fn prune_removes_an_incomplete_cluster() {
    let world = World::new();
    world.cluster("half", false).await;
    world.cluster("mine", true).await;
    let done = world.prune().await;
    let directory = cluster_dir(&world.dirs.state, &name("half"));
    let mut expected = ["container `half-node`", "volume `half-node`", "network `kipod-half`"]
        .map(str::to_owned)
        .to_vec();
    expected.push(format!("directory `{}`", directory.display()));
    let expected: Vec<_> =
        expected.into_iter().map(|what| format!("{what} of cluster `half`")).collect();
    assert_eq!(done, Pruned { removed: expected, ..Pruned::default() });
    assert!(!world.exists("half") && world.exists("mine"));
    assert_eq!(world.podman.containers("").await.unwrap().len(), 1);
}

#[tokio::test]
async fn interrupted_node_change_needs_a_control_plane() {
    let world = World::new();
    let mut record = world.cluster("mine", true).await;
    record.nodes = vec![identity("mine-node", Role::ControlPlane, 0)];
    record.changing = Some(identity("mine-worker-0", Role::Worker, 1));
    record.write(&world.dirs.state).unwrap();
    let labels = plan::labels(&name("mine"));
    let volume = VolumeOptions { name: "mine-worker-0".into(), labels: labels.clone() };
    world.podman.create_volume(&volume).await.unwrap();
    world.podman.create_container(&ContainerOptions::plain("mine-worker-0", labels)).await.unwrap();
    let line = "node `mine-worker-0` of cluster `mine` with an interrupted change";
    let done = world.prune().await;
    assert_eq!((done.removed, done.errors), (Vec::new(), Vec::new()));
    assert_eq!(done.kept, [format!("{line}: no control plane is running")]);
    world.podman.start_container("mine-node").await.unwrap();
    assert_eq!(world.prune().await, Pruned { removed: vec![line.into()], ..Pruned::default() });
    let names = |all: Vec<crate::podman::ContainerInfo>| {
        all.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(names(world.podman.containers("").await.unwrap()), ["mine-node"]);
    assert_eq!(world.podman.volumes("").await.unwrap().len(), 1);
    let kept = Record::read(&world.dirs.state, &name("mine")).unwrap().unwrap();
    assert_eq!((kept.changing, kept.nodes.len()), (None, 1));
}

#[tokio::test]
async fn prune_keeps_a_locked_cluster() {
    let world = World::new();
    world.cluster("busy", false).await;
    let lock = NameLock::take(&world.dirs.state, &name("busy")).unwrap();
    assert_eq!(world.prune().await, Pruned::default());
    assert!(world.exists("busy"));
    drop(lock);
    assert_eq!(world.prune().await.removed.len(), 4);
}

#[tokio::test]
async fn retained_and_unreadable_clusters_are_kept() {
    let world = World::new();
    world.cluster("kept", false).await;
    retain(&world.dirs.state, &name("kept"));
    world.cluster("newer", true).await;
    let file = cluster_dir(&world.dirs.state, &name("newer")).join("cluster.json");
    std::fs::write(file, "{}").unwrap();
    let done = world.prune().await;
    assert_eq!((done.removed, done.errors), (Vec::new(), Vec::new()));
    assert!(
        done.kept[0].contains("incomplete cluster `kept` was kept with `--retain`"),
        "{:?}",
        done.kept
    );
    assert!(done.kept[1].contains("cluster.json` is not a cluster record"), "{:?}", done.kept);
    assert!(world.exists("kept") && world.exists("newer"));
}

#[tokio::test]
async fn resources_without_a_record_are_removed() {
    let world = World::new();
    world.fill("lost", Vec::new()).await;
    let volume = VolumeOptions { name: "alone".into(), labels: plan::labels(&name("volume")) };
    world.podman.create_volume(&volume).await.unwrap();
    // A volume without kipod's labels.
    let theirs = VolumeOptions { name: "lost-node-0".into(), labels: Labels::new() };
    world.podman.create_volume(&theirs).await.unwrap();
    let done = world.prune().await;
    let expected = [
        "container `lost-node` of cluster `lost`",
        "volume `lost-node` of cluster `lost`",
        "network `kipod-lost` of cluster `lost`",
        "volume `alone` of cluster `volume`",
    ];
    assert_eq!(done.removed, expected);
    assert_eq!(world.podman.volumes("").await.unwrap().len(), 1);
}

#[tokio::test]
async fn prune_continues_after_an_error() {
    let world = World::new();
    world.cluster("a-half", false).await;
    world.cluster("b-half", false).await;
    world.podman.fail("remove_container a-half", || PodmanError::NotInstalled);
    let done = prune(&world.podman, &world.dirs, false).await.unwrap();
    assert_eq!(done.errors.len(), 1, "{:?}", done.errors);
    assert!(
        done.errors[0].starts_with("failed to delete cluster `a-half` completely:"),
        "{:?}",
        done.errors
    );
    assert!(world.exists("a-half") && !world.exists("b-half"));
    assert_eq!(world.prune().await.removed.len(), 2);
    assert!(world.podman.is_empty());

    let world = World::new();
    world.podman.fail("containers", || PodmanError::NotInstalled);
    let error = prune(&world.podman, &world.dirs, false).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to list Podman resources of clusters and registries");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "`podman` is not installed");
    assert!(error.hint().is_some());
}
