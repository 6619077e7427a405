//! Tests of removed and kept resources, with a scripted Podman and real locks.

use std::path::PathBuf;

use super::*;
use crate::cluster::{Record, cluster_dir, retain};
use crate::kubernetes::Role;
use crate::lease::{ClusterFiles, ImagesLock, Kept, Lock, NameLock, Phase};
use crate::node::CgroupMode;
use crate::node_image::label::IMAGE_STORE;
use crate::plan;
use crate::podman::{Bind, ContainerOptions, Labels, NetworkOptions, Scripted, VolumeOptions};
use crate::registry::RegistriesLock;
use crate::spec::{ClusterName, ClusterSpec};

struct World {
    podman: Scripted,
    dirs: Dirs,
    _root: tempfile::TempDir,
}

fn name(text: &str) -> ClusterName {
    text.parse().unwrap()
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { podman: Scripted::new(), dirs: Dirs::below(root.path()), _root: root }
    }

    /// Creates a network, a volume and a container of a cluster.
    async fn fill(&self, cluster: &str, binds: Vec<Bind>) {
        let labels = plan::labels(&name(cluster));
        let network = NetworkOptions {
            name: format!("kipod-{cluster}"),
            subnet: format!("10.89.{}.0/24", cluster.bytes().map(u32::from).sum::<u32>() % 256),
            gateway: [10, 89, 0, 1].into(),
            ipv6: None,
            labels: labels.clone(),
        };
        let node = format!("{cluster}-node");
        let volume = VolumeOptions { name: node.clone(), labels: labels.clone() };
        let container = ContainerOptions { binds, ..ContainerOptions::plain(&node, labels) };
        self.podman.create_network(&network).await.unwrap();
        self.podman.create_volume(&volume).await.unwrap();
        self.podman.create_container(&container).await.unwrap();
    }

    /// Creates a cluster: its record and its Podman resources.
    async fn cluster(&self, cluster: &str, complete: bool) -> Record {
        self.fill(cluster, Vec::new()).await;
        let record = Record {
            name: name(cluster),
            kubernetes_version: "v1.36.2".parse().unwrap(),
            image: "image".to_owned(),
            spec: ClusterSpec::default(),
            nodes: Vec::new(),
            changing: None,
            api_port: 40_000,
            service_address: None,
            cgroups: CgroupMode::Delegated,
            created: 1_800_000_000,
            kubeconfig: Vec::new(),
            complete,
        };
        record.write(&self.dirs.state).unwrap();
        record
    }

    /// Creates a cluster of tests with its files.
    async fn test_cluster(&self, cluster: &str) -> ClusterFiles {
        let record = self.cluster(cluster, true).await;
        let files = ClusterFiles::new(&self.dirs.state, cluster);
        drop(Lock::shared(&files.lease(), || {}).unwrap());
        drop(Lock::exclusive(&files.gate(), || {}).unwrap());
        files.set_phase(Some(&Phase::Ready(record.identity()))).unwrap();
        files
    }

    /// Prunes, after a dry run that returns the same result and changes nothing.
    async fn prune(&self) -> Pruned {
        let before = (self.files(), self.podman.calls().len());
        let dry = prune(&self.podman, &self.dirs, true).await.unwrap();
        assert_eq!(self.files(), before.0);
        let calls = self.podman.calls().split_off(before.1);
        let changed = calls.iter().any(|call| call.starts_with("remove"));
        assert!(!changed, "the dry run: {calls:#?}");
        let done = prune(&self.podman, &self.dirs, false).await.unwrap();
        assert_eq!(dry, done);
        let again = prune(&self.podman, &self.dirs, false).await.unwrap();
        assert_eq!((again.removed, again.kept), (Vec::new(), done.kept.clone()));
        done
    }

    /// Returns all files and directories.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut directories = vec![self.dirs.state.clone(), self.dirs.data.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
                found.push(entry.path());
                if entry.path().is_dir() {
                    directories.push(entry.path());
                }
            }
        }
        found.sort();
        found
    }

    fn exists(&self, cluster: &str) -> bool {
        cluster_dir(&self.dirs.state, &name(cluster)).exists()
    }
}

const NOTHING: [String; 0] = [];

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
    let identity = |name: &str, role, place: u8| plan::NodeIdentity {
        name: name.to_owned(),
        role,
        address: [10, 89, 0, 2 + place].into(),
        pod_subnet: format!("10.244.{place}.0/24").parse().unwrap(),
        pod_subnet6: None,
    };
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
