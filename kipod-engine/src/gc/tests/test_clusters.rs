use super::*;

#[tokio::test]
async fn test_cluster_is_kept_while_in_use() {
    let world = World::new();
    let files = world.test_cluster("test-a").await;
    for lock in [files.lease(), files.gate()] {
        let lock = Lock::shared(&lock, || {}).unwrap();
        assert_eq!(world.prune().await, Pruned::default());
        drop(lock);
    }
    let reaper = Lock::exclusive(&files.reaper("run"), || {}).unwrap();
    assert_eq!(world.prune().await, Pruned::default());
    drop(reaper);
    let done = world.prune().await;
    assert_eq!((done.kept, done.errors), (Vec::new(), Vec::new()));
    for what in ["container `test-a-node`", "volume `test-a-node`", "network `kipod-test-a`"] {
        assert!(
            done.removed.contains(&format!("{what} of cluster `test-a`")),
            "{:?}",
            done.removed
        );
    }
    for file in ["gate", "json", "lease", "reaper-run"] {
        let path = world.dirs.state.join(format!("test/test-a.{file}"));
        assert!(done.removed.contains(&format!("file `{}`", path.display())), "{:?}", done.removed);
    }
    assert_eq!(done.removed.len(), 8);
    assert!(world.podman.is_empty());
    let remaining: Vec<_> = world.files().into_iter().filter(|path| path.is_file()).collect();
    assert!(remaining.is_empty(), "{remaining:?}");
}

#[tokio::test]
async fn kept_namespaces_are_reported() {
    let world = World::new();
    let files = world.test_cluster("kept").await;
    let kept = Kept { namespace: "n".into(), test: "t".into(), run: "r".into() };
    files.keep(&kept).unwrap();
    // In an external cluster, which has no record.
    let theirs = ClusterFiles::new(&world.dirs.state, "external-1");
    theirs.keep(&kept).unwrap();
    let done = world.prune().await;
    assert_eq!(done.removed, NOTHING);
    assert_eq!(
        done.kept,
        [
            "1 kept namespace in cluster `external-1`, removed by the next test run",
            "cluster `kept` has 1 kept namespace; `kipod delete cluster kept` removes it",
        ]
    );
    assert!(world.exists("kept"));
    // The user deletes the cluster.
    crate::cluster::remove(&world.podman, &world.dirs, &name("kept")).await.unwrap();
    let done = world.prune().await;
    assert_eq!(done.kept.len(), 1);
    assert!(
        done.removed.iter().any(|what| what.ends_with("test/kept.kept`")),
        "{:?}",
        done.removed
    );
    assert!(ClusterFiles::new(&world.dirs.state, "kept").present().is_empty());
}

#[tokio::test]
async fn users_cluster_is_kept_after_tests_used_it() {
    let world = World::new();
    world.cluster("mine", true).await;
    let files = ClusterFiles::new(&world.dirs.state, "mine");
    drop(Lock::shared(&files.lease(), || {}).unwrap());
    // The state of an earlier cluster of that name.
    files.set_phase(Some(&Phase::Ready("1-1".to_owned()))).unwrap();
    std::fs::write(files.log(), "an error of the reaper").unwrap();
    let done = world.prune().await;
    assert_eq!(done.removed.len(), 3, "{:?}", done.removed);
    assert!(done.removed.iter().all(|what| what.starts_with("file `")), "{:?}", done.removed);
    assert!(world.exists("mine") && !world.podman.is_empty());
}
