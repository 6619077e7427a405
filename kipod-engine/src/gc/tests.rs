//! What is removed and what is not, against a scripted Podman and real locks.

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

    /// Gives Podman a network, a volume and a container of a cluster.
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

    /// A cluster with its record and all that Podman has of it.
    async fn cluster(&self, cluster: &str, complete: bool) -> Record {
        self.fill(cluster, Vec::new()).await;
        let record = Record {
            name: name(cluster),
            kubernetes_version: "v1.36.2".to_owned(),
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

    /// A cluster that a test made, with its files.
    async fn test_cluster(&self, cluster: &str) -> ClusterFiles {
        let record = self.cluster(cluster, true).await;
        let files = ClusterFiles::new(&self.dirs.state, cluster);
        drop(Lock::shared(&files.lease(), || {}).unwrap());
        drop(Lock::exclusive(&files.gate(), || {}).unwrap());
        files.set_phase(Some(&Phase::Ready(record.identity()))).unwrap();
        files
    }

    /// Prunes, after a dry run that says the same and changes nothing.
    async fn prune(&self) -> Pruned {
        let before = (self.files(), self.podman.calls().len());
        let dry = prune(&self.podman, &self.dirs, true).await.unwrap();
        assert_eq!(self.files(), before.0);
        let calls = self.podman.calls().split_off(before.1);
        let changed = calls.iter().any(|call| call.starts_with("remove"));
        assert!(!changed, "a dry run: {calls:#?}");
        let done = prune(&self.podman, &self.dirs, false).await.unwrap();
        assert_eq!(dry, done);
        let again = prune(&self.podman, &self.dirs, false).await.unwrap();
        assert_eq!((again.removed, again.stays), (Vec::new(), done.stays.clone()));
        done
    }

    /// Every file and folder there is.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.dirs.state.clone(), self.dirs.data.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                found.push(entry.path());
                if entry.path().is_dir() {
                    folders.push(entry.path());
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
async fn where_all_is_well_nothing_goes() {
    let world = World::new();
    assert_eq!(world.prune().await, Pruned::default());
    world.cluster("mine", true).await;
    assert_eq!(world.prune().await, Pruned::default());
    assert!(world.exists("mine") && !world.podman.is_empty());
}

#[tokio::test]
async fn a_cluster_whose_creation_was_cut_off_goes_whole() {
    let world = World::new();
    world.cluster("half", false).await;
    world.cluster("mine", true).await;
    let done = world.prune().await;
    let folder = cluster_dir(&world.dirs.state, &name("half"));
    let mut expected = ["container `half-node`", "volume `half-node`", "network `kipod-half`"]
        .map(str::to_owned)
        .to_vec();
    expected.push(format!("folder `{}`", folder.display()));
    let expected: Vec<_> =
        expected.into_iter().map(|what| format!("{what} of cluster `half`")).collect();
    assert_eq!(done, Pruned { removed: expected, ..Pruned::default() });
    assert!(!world.exists("half") && world.exists("mine"));
    assert_eq!(world.podman.containers("").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_node_whose_change_was_cut_off_goes_once_kubernetes_can_be_told() {
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
    let line = "node `mine-worker-0` of cluster `mine`, cut off while it changed";
    let done = world.prune().await;
    assert_eq!((done.removed, done.faults), (Vec::new(), Vec::new()));
    assert_eq!(done.stays, [format!("{line}: no control plane runs")]);
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
async fn a_cluster_that_somebody_works_on_stays() {
    let world = World::new();
    world.cluster("busy", false).await;
    let lock = NameLock::take(&world.dirs.state, &name("busy")).unwrap();
    assert_eq!(world.prune().await, Pruned::default());
    assert!(world.exists("busy"));
    drop(lock);
    assert_eq!(world.prune().await.removed.len(), 4);
}

#[tokio::test]
async fn what_is_half_made_on_purpose_or_cannot_be_read_stays_and_is_told() {
    let world = World::new();
    world.cluster("kept", false).await;
    retain(&world.dirs.state, &name("kept"));
    world.cluster("newer", true).await;
    let file = cluster_dir(&world.dirs.state, &name("newer")).join("cluster.json");
    std::fs::write(file, "{}").unwrap();
    let done = world.prune().await;
    assert_eq!((done.removed, done.faults), (Vec::new(), Vec::new()));
    assert!(
        done.stays[0].contains("`kept` was kept half-made with `--retain`"),
        "{:?}",
        done.stays
    );
    assert!(done.stays[1].contains("cluster.json` is no cluster record"), "{:?}", done.stays);
    assert!(world.exists("kept") && world.exists("newer"));
}

#[tokio::test]
async fn what_podman_has_without_a_record_goes() {
    let world = World::new();
    world.fill("lost", Vec::new()).await;
    let volume = VolumeOptions { name: "alone".into(), labels: plan::labels(&name("volume")) };
    world.podman.create_volume(&volume).await.unwrap();
    // Somebody else's.
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
async fn a_cluster_of_tests_stays_as_long_as_anybody_uses_it() {
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
    assert_eq!((done.stays, done.faults), (Vec::new(), Vec::new()));
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
    let left: Vec<_> = world.files().into_iter().filter(|path| path.is_file()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn what_tests_keep_stays_and_is_told() {
    let world = World::new();
    let files = world.test_cluster("kept").await;
    let kept = Kept { namespace: "n".into(), test: "t".into(), run: "r".into() };
    files.keep(&kept).unwrap();
    // In somebody else's cluster, which there is no record of.
    let theirs = ClusterFiles::new(&world.dirs.state, "external-1");
    theirs.keep(&kept).unwrap();
    let done = world.prune().await;
    assert_eq!(done.removed, NOTHING);
    assert_eq!(
        done.stays,
        [
            "what 1 tests kept in cluster `external-1`; their next run removes it",
            "cluster `kept` has what 1 tests kept; `kipod delete cluster kept` removes it",
        ]
    );
    assert!(world.exists("kept"));
    // Its user has deleted it.
    crate::cluster::remove(&world.podman, &world.dirs, &name("kept")).await.unwrap();
    let done = world.prune().await;
    assert_eq!(done.stays.len(), 1);
    assert!(
        done.removed.iter().any(|what| what.ends_with("test/kept.kept`")),
        "{:?}",
        done.removed
    );
    assert!(ClusterFiles::new(&world.dirs.state, "kept").present().is_empty());
}

#[tokio::test]
async fn a_cluster_that_its_user_made_stays_when_tests_have_used_it() {
    let world = World::new();
    world.cluster("mine", true).await;
    let files = ClusterFiles::new(&world.dirs.state, "mine");
    drop(Lock::shared(&files.lease(), || {}).unwrap());
    // Of an earlier one of that name.
    files.set_phase(Some(&Phase::Ready("1-1".to_owned()))).unwrap();
    std::fs::write(files.log(), "what the reaper could not do").unwrap();
    let done = world.prune().await;
    assert_eq!(done.removed.len(), 3, "{:?}", done.removed);
    assert!(done.removed.iter().all(|what| what.starts_with("file `")), "{:?}", done.removed);
    assert!(world.exists("mine") && !world.podman.is_empty());
}

#[tokio::test]
async fn image_stores_stay_that_an_image_or_a_node_needs() {
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
    let mut left: Vec<_> =
        std::fs::read_dir(&stores).unwrap().flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["lock", "mounted", "named", "named.vfs"]);
}

#[tokio::test]
async fn a_lock_file_goes_that_nobody_holds() {
    let world = World::new();
    let lock = NameLock::take(&world.dirs.state, &name("held")).unwrap();
    let stale = world.dirs.state.join("locks/dead.lock");
    std::fs::write(&stale, "4711").unwrap();
    assert_eq!(world.prune().await.removed, [format!("file `{}`", stale.display())]);
    assert!(NameLock::is_taken(&world.dirs.state, &name("held")) && !stale.exists());
    drop(lock);
}

#[tokio::test]
async fn a_fault_keeps_nothing_else() {
    let world = World::new();
    world.cluster("a-half", false).await;
    world.cluster("b-half", false).await;
    world.podman.fail("remove_container a-half", || PodmanError::NotInstalled);
    let done = prune(&world.podman, &world.dirs, false).await.unwrap();
    assert_eq!(done.faults.len(), 1, "{:?}", done.faults);
    assert!(done.faults[0].starts_with("cluster `a-half` is not all gone:"), "{:?}", done.faults);
    assert!(world.exists("a-half") && !world.exists("b-half"));
    assert_eq!(world.prune().await.removed.len(), 2);
    assert!(world.podman.is_empty());

    let world = World::new();
    world.podman.fail("containers", || PodmanError::NotInstalled);
    let error = prune(&world.podman, &world.dirs, false).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot list what podman has of clusters and registries: `podman` is not installed"
    );
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn what_is_left_of_a_registry_goes_unless_somebody_is_at_registries() {
    let world = World::new();
    let labels = Labels::from([("io.kipod.registry".to_owned(), "mine".to_owned())]);
    let volume = VolumeOptions { name: "mine".to_owned(), labels };
    world.podman.create_volume(&volume).await.unwrap();
    let lock = RegistriesLock::take(&world.dirs.state).unwrap().unwrap();
    assert_eq!(world.prune().await.removed, NOTHING);
    drop(lock);
    assert_eq!(world.prune().await.removed, ["what is left of registry `mine`"]);
    assert!(world.podman.is_empty());
}

#[tokio::test]
async fn what_loads_that_were_cut_off_left_goes_and_no_other() {
    let world = World::new();
    world.cluster("demo", true).await;
    let loads = world.dirs.state.join("loads");
    for folder in ["demo.abcd/overlay", "demo-2.abcd", "gone.abcd", "Not a name.abcd"] {
        std::fs::create_dir_all(loads.join(folder)).unwrap();
    }
    let turn = ImagesLock::try_take(&world.dirs.state, &name("demo-2")).unwrap();
    let done = world.prune().await;
    let line = |folder| format!("folder `{}`", loads.join(folder).display());
    assert_eq!(done.removed, [line("demo.abcd"), line("gone.abcd")]);
    drop(turn);
    assert_eq!(world.prune().await.removed, [line("demo-2.abcd")]);
    assert!(world.exists("demo") && loads.join("Not a name.abcd").exists());
}
