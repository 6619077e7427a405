use super::*;

#[tokio::test]
async fn used_image_stores_are_kept() {
    let world = World::new();
    let stores = world.dirs.data.join("stores");
    for store in ["named", "named.vfs", "mounted", "old", "cut.partial"] {
        std::fs::create_dir_all(stores.join(store).join("overlay-images")).unwrap();
    }
    std::fs::write(stores.join("lock"), "").unwrap();
    for (image, store) in [("localhost/new:1", "named"), ("localhost/was:1", "old")] {
        let labels = [(IMAGE_STORE.to_owned(), store.to_owned())];
        world.podman.add_image(image, labels.into());
    }
    world.podman.untag_image("localhost/was:1");
    let source = stores.join("mounted/overlay-images");
    let bind =
        Bind { source, target: "/kipod/images".into(), read_only: true, options: Vec::new() };
    world.cluster("mine", true).await;
    let other = world.podman.containers("").await.unwrap().remove(0);
    world.podman.remove_container(&other.name).await.unwrap();
    world.podman.remove_volume(&other.name).await.unwrap();
    world.podman.remove_network("kipod-mine").await.unwrap();
    world.fill("mine", vec![bind]).await;

    let building = Lock::exclusive(&stores.join("lock"), || {}).unwrap();
    assert_eq!(world.prune().await, Pruned::default());
    drop(building);
    let done = world.prune().await;
    let expected =
        ["cut.partial", "old"].map(|name| format!("image store `{}`", stores.join(name).display()));
    assert_eq!(done.removed, expected);
    let mut remaining: Vec<_> =
        std::fs::read_dir(&stores).unwrap().flatten().map(|entry| entry.file_name()).collect();
    remaining.sort();
    assert_eq!(remaining, ["lock", "mounted", "named", "named.vfs"]);
}

#[tokio::test]
async fn unused_lock_files_are_removed() {
    let world = World::new();
    let lock = NameLock::take(&world.dirs.state, &name("held")).unwrap();
    let stale = world.dirs.state.join("locks/dead.lock");
    std::fs::write(&stale, "4711").unwrap();
    assert_eq!(world.prune().await.removed, [format!("file `{}`", stale.display())]);
    assert!(NameLock::is_taken(&world.dirs.state, &name("held")) && !stale.exists());
    drop(lock);
}

#[tokio::test]
async fn registry_leftovers_are_removed_unless_locked() {
    let world = World::new();
    let labels = Labels::from([("io.kipod.registry".to_owned(), "mine".to_owned())]);
    let volume = VolumeOptions { name: "mine".to_owned(), labels };
    world.podman.create_volume(&volume).await.unwrap();
    let lock = RegistriesLock::take(&world.dirs.state).unwrap().unwrap();
    assert_eq!(world.prune().await.removed, NOTHING);
    drop(lock);
    assert_eq!(world.prune().await.removed, ["leftovers of registry `mine`"]);
    assert!(world.podman.is_empty());
}

#[tokio::test]
async fn interrupted_loads_are_removed() {
    let world = World::new();
    world.cluster("demo", true).await;
    let loads = world.dirs.state.join("loads");
    for directory in ["demo.abcd/overlay", "demo-2.abcd", "gone.abcd", "Not a name.abcd"] {
        std::fs::create_dir_all(loads.join(directory)).unwrap();
    }
    let lock = ImagesLock::try_take(&world.dirs.state, &name("demo-2")).unwrap();
    let done = world.prune().await;
    let line = |name| format!("directory `{}`", loads.join(name).display());
    assert_eq!(done.removed, [line("demo.abcd"), line("gone.abcd")]);
    drop(lock);
    assert_eq!(world.prune().await.removed, [line("demo-2.abcd")]);
    assert!(world.exists("demo") && loads.join("Not a name.abcd").exists());
}
