//! Removal and lists, against a scripted Podman.

use std::path::Path;

use super::*;
use crate::kubeconfig::ClusterAccess;
use crate::lease::NameLock;
use crate::podman::{ContainerOptions, Podman, PodmanError, Scripted, VolumeOptions};
use crate::testing::{self, create_resources};

const NODE: &str = "demo-control-plane-0";

struct World {
    podman: Scripted,
    dirs: Dirs,
    root: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path());
        Self { podman: Scripted::new(), dirs, root }
    }

    /// Creates the resources of a cluster with one node.
    async fn fill_podman(&self) {
        let labels = crate::plan::labels(&name());
        create_resources(&self.podman, "demo", ContainerOptions::plain(NODE, labels)).await;
    }

    fn record(&self, complete: bool, kubeconfig: Vec<PathBuf>) -> Record {
        let record = Record { kubeconfig, complete, ..testing::record("demo") };
        record.write(&self.dirs.state).unwrap();
        record
    }

    async fn remove(&self) -> Result<bool, RemoveError> {
        remove(&self.podman, &self.dirs, &name()).await
    }

    fn removals(&self) -> Vec<String> {
        let calls = self.podman.calls();
        calls.into_iter().filter(|line| line.starts_with("remove_")).collect()
    }

    fn cluster_dir(&self) -> PathBuf {
        cluster_dir(&self.dirs.state, &name())
    }
}

fn name() -> ClusterName {
    "demo".parse().unwrap()
}

fn refusal() -> PodmanError {
    PodmanError::Operation { action: "do that".to_owned(), message: "device is busy".to_owned() }
}

fn access() -> ClusterAccess {
    ClusterAccess {
        cluster_name: name(),
        server: "https://127.0.0.1:40000".to_owned(),
        ca_pem: "ca".to_owned(),
        client_cert_pem: "certificate".to_owned(),
        client_key_pem: "key".to_owned(),
    }
}

fn merge_entry(path: &Path) {
    UserKubeconfig::at(path).merge(&Kubeconfig::new(access())).unwrap();
}

#[tokio::test]
async fn remove_deletes_everything_in_order() {
    let world = World::new();
    world.fill_podman().await;
    world.record(true, Vec::new());
    assert!(world.remove().await.unwrap());
    assert_eq!(
        world.removals(),
        [
            "remove_container demo-control-plane-0",
            "remove_volume demo-control-plane-0",
            "remove_network kipod-demo",
        ]
    );
    assert!(world.podman.is_empty());
    assert!(!world.cluster_dir().exists());
}

#[tokio::test]
async fn remove_of_a_missing_cluster_succeeds() {
    let world = World::new();
    assert!(!world.remove().await.unwrap());
    world.fill_podman().await;
    world.record(true, Vec::new());
    assert!(world.remove().await.unwrap());
    assert!(!world.remove().await.unwrap());
}

#[tokio::test]
async fn remove_leaves_no_lock() {
    let world = World::new();
    world.fill_podman().await;
    world.record(true, Vec::new());
    world.remove().await.unwrap();
    let files = |dir: &str| {
        let entries = std::fs::read_dir(world.dirs.state.join(dir));
        entries.map_or(0, Iterator::count)
    };
    assert_eq!((files("clusters"), files("locks")), (0, 0));
}

#[tokio::test]
async fn remove_keeps_other_clusters() {
    let world = World::new();
    world.fill_podman().await;
    let other: ClusterName = "demo-2".parse().unwrap();
    let volume = VolumeOptions { name: "x".to_owned(), labels: crate::plan::labels(&other) };
    world.podman.create_volume(&volume).await.unwrap();
    world.remove().await.unwrap();
    let left = world.podman.volumes("").await.unwrap();
    assert_eq!(left.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(), ["x"]);
    // A cluster with only a volume is listed too.
    assert_eq!(names_in_podman(&world.podman).await.unwrap(), [other]);
}

#[tokio::test]
async fn remove_continues_and_reports_all_errors() {
    let world = World::new();
    world.fill_podman().await;
    world.record(true, Vec::new());
    world.podman.fail("remove_container", refusal);
    world.podman.fail("remove_volume", refusal);
    let error = world.remove().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to delete cluster `demo` completely:\n\
         \x20 container `demo-control-plane-0`: do that: device is busy\n\
         \x20 volume `demo-control-plane-0`: do that: device is busy"
    );
    assert_eq!(
        error.hint().unwrap(),
        "fix these errors, then run `kipod delete cluster demo` again"
    );
    assert!(world.podman.networks("").await.unwrap().is_empty());
    // The directory shows that something is left.
    assert_eq!(clusters(&world.dirs, None).unwrap().len(), 1);
    assert!(world.remove().await.unwrap());
    assert!(world.podman.is_empty());
    assert!(!world.cluster_dir().exists());
}

#[tokio::test]
async fn remove_reports_an_unavailable_podman() {
    let world = World::new();
    world.record(true, Vec::new());
    world.podman.fail("volumes", || PodmanError::NotInstalled);
    let error = world.remove().await.unwrap_err();
    assert_eq!(
        crate::util::text::error_chain(&error),
        "cannot list the resources of cluster `demo`: `podman` is not installed"
    );
    assert!(error.hint().is_some());
    assert!(world.cluster_dir().exists());
}

#[tokio::test]
async fn remove_deletes_the_kubeconfig_entry() {
    let world = World::new();
    let path = world.root.path().join("config");
    merge_entry(&path);
    let with = std::fs::read_to_string(&path).unwrap();
    assert!(with.contains("kipod-demo"), "{with}");
    world.record(true, vec![world.root.path().join("absent"), path.clone()]);
    world.remove().await.unwrap();
    let without = std::fs::read_to_string(&path).unwrap();
    assert!(!without.contains("kipod-demo"), "{without}");
}

#[tokio::test]
async fn remove_keeps_the_record_of_a_kubeconfig_entry() {
    let world = World::new();
    world.fill_podman().await;
    let path = world.root.path().join("config");
    std::fs::write(&path, "{ kipod-demo").unwrap();
    world.record(true, vec![path.clone()]);
    let error = world.remove().await.unwrap_err();
    assert!(error.to_string().contains("\n  kubeconfig entry: "), "{error}");
    assert!(world.podman.is_empty());
    std::fs::remove_file(&path).unwrap();
    assert!(world.remove().await.unwrap());
    assert!(!world.cluster_dir().exists());
}

#[tokio::test]
async fn remove_ignores_kubeconfigs_without_an_entry() {
    let world = World::new();
    world.fill_podman().await;
    let path = |name: &str| world.root.path().join(name);
    std::fs::create_dir(path("directory")).unwrap();
    std::fs::write(path("invalid"), "{").unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), mode).unwrap();
    let huge = std::fs::File::create(path("huge")).unwrap();
    huge.set_len(64 << 30).unwrap();
    let files = ["directory", "invalid", "fifo", "huge", "invalid/below"].map(path);
    let devices = ["/dev/null", "/dev/zero"].map(PathBuf::from);
    world.record(true, files.into_iter().chain(devices).collect());
    assert!(world.remove().await.unwrap());
    assert!(!world.cluster_dir().exists());
}

#[tokio::test]
async fn remove_refuses_a_locked_cluster() {
    let world = World::new();
    world.fill_podman().await;
    world.record(false, Vec::new());
    let lock = NameLock::take(&world.dirs.state, &name()).unwrap();
    assert_eq!(clusters(&world.dirs, None).unwrap()[0].state, ClusterState::Busy);
    let error = world.remove().await.unwrap_err();
    assert!(matches!(error, RemoveError::Lock(_)), "{error}");
    assert!(!world.podman.is_empty());
    drop(lock);
    assert_eq!(clusters(&world.dirs, None).unwrap()[0].state, ClusterState::Incomplete);
    world.remove().await.unwrap();
}

#[tokio::test]
async fn nodes_have_details_of_their_labels() {
    let world = World::new();
    world.fill_podman().await;
    let all = nodes(&world.podman, &world.dirs, Some(&name())).await.unwrap();
    let [node] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((node.name.as_str(), node.cluster.as_str()), (NODE, "demo"));
    assert_eq!((node.state.as_str(), node.image.as_str()), ("created", "image"));
    assert_eq!((node.addresses.len(), node.pod_subnets.len()), (0, 0), "there is no record");
    let other: ClusterName = "other".parse().unwrap();
    assert_eq!(nodes(&world.podman, &world.dirs, Some(&other)).await.unwrap(), []);
}

fn texts<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(T::to_string).collect()
}

#[tokio::test]
async fn nodes_have_addresses_of_the_record() {
    let world = World::new();
    world.fill_podman().await;
    let balancer = ContainerOptions::plain("demo-load-balancer", crate::plan::labels(&name()));
    world.podman.create_container(&balancer).await.unwrap();
    let mut record = world.record(true, Vec::new());
    record.nodes.push(crate::plan::NodeIdentity {
        name: NODE.to_owned(),
        role: crate::kubernetes::Role::ControlPlane,
        address: [10, 89, 3, 2].into(),
        pod_subnet: "10.244.0.0/24".parse().unwrap(),
        pod_subnet6: None,
    });
    record.write(&world.dirs.state).unwrap();
    let all = nodes(&world.podman, &world.dirs, None).await.unwrap();
    let [node, balancer] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(texts(&node.addresses), ["10.89.3.2"]);
    assert_eq!(texts(&node.pod_subnets), ["10.244.0.0/24"]);
    assert_eq!(texts(&balancer.addresses), ["10.89.3.254"]);
    record.spec.networking = crate::spec::Networking::of(crate::spec::IpFamily::Dual);
    record.nodes[0].pod_subnet6 = Some("fd00:10:244::/64".parse().unwrap());
    record.write(&world.dirs.state).unwrap();
    let all = nodes(&world.podman, &world.dirs, None).await.unwrap();
    assert_eq!(texts(&all[0].addresses), ["10.89.3.2", "fd00:10:89:3::2"]);
    assert_eq!(texts(&all[0].pod_subnets), ["10.244.0.0/24", "fd00:10:244::/64"]);
    assert_eq!(texts(&all[1].addresses), ["10.89.3.254", "fd00:10:89:3::254"]);
    assert_eq!(balancer.pod_subnets, []);
    let details = clusters(&world.dirs, None).unwrap()[0].details.clone().unwrap();
    assert_eq!((details.control_planes, details.workers), (1, 0));
    assert_eq!(details.api_address.to_string(), "127.0.0.1");
}

#[tokio::test]
async fn export_logs_reports_stopped_nodes_once() {
    let world = World::new();
    world.fill_podman().await;
    let dir = world.root.path().join("logs");
    let export = async || export_logs(&world.podman, &world.dirs, &name(), &dir).await.unwrap();
    let missing = export().await;
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(
        missing[0].starts_with(&format!("node `{NODE}` is not running (created)")),
        "{missing:?}"
    );
    for file in ["kipod-version.txt", "podman-info.txt"] {
        assert!(dir.join(file).exists(), "{file}");
    }
    let node = dir.join(NODE);
    for file in ["inspect.json", "serial.log", "kubernetes-version.txt"] {
        assert!(node.join(file).exists(), "{file}");
    }
    assert!(!node.join("journal.log").exists());

    world.podman.start_container(NODE).await.unwrap();
    let line = format!("{NODE} journalctl --no-pager -u crio");
    world.podman.set_exec_output(&line, 0, "proxy http://me:secret@proxy:3128\n");
    let missing = export().await;
    // The scripted node returns no archive, which counts as an empty one.
    assert_eq!(missing, [""; 0]);
    let text = std::fs::read_to_string(node.join("crio.log")).unwrap();
    assert_eq!(text, "proxy http://***@proxy:3128\n");
}

#[tokio::test]
async fn remove_waits_for_late_containers() {
    let world = World::new();
    world.record(false, Vec::new());
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        world.fill_podman().await;
    };
    let (removed, ()) = tokio::join!(world.remove(), late);
    assert!(removed.unwrap());
    assert!(world.podman.is_empty());
    assert!(!world.cluster_dir().exists());
}

#[tokio::test]
async fn states_follow_containers() {
    let world = World::new();
    let state = async || {
        let listed = world.podman.containers("").await.unwrap();
        clusters(&world.dirs, Some(&listed)).unwrap()[0].state
    };
    let mut record = world.record(true, Vec::new());
    let node = |name: &str| crate::plan::NodeIdentity {
        name: name.to_owned(),
        role: crate::kubernetes::Role::Worker,
        address: [10, 89, 3, 2].into(),
        pod_subnet: "10.244.0.0/24".parse().unwrap(),
        pod_subnet6: None,
    };
    record.nodes = vec![node("demo-a"), node("demo-b")];
    record.write(&world.dirs.state).unwrap();
    assert_eq!(clusters(&world.dirs, None).unwrap()[0].state, ClusterState::Unknown);
    assert_eq!(state().await, ClusterState::Missing);
    // Containers of other names, such as that of an interrupted change, do not count.
    for name in ["demo-a", "demo-b", "demo-c"] {
        let labels = crate::plan::labels(&self::name());
        let options = ContainerOptions::plain(name, labels);
        world.podman.create_container(&options).await.unwrap();
    }
    assert_eq!(state().await, ClusterState::Stopped);
    world.podman.start_container("demo-a").await.unwrap();
    assert_eq!(state().await, ClusterState::PartlyRunning);
    world.podman.start_container("demo-b").await.unwrap();
    assert_eq!(state().await, ClusterState::Running);
    world.podman.remove_container("demo-a").await.unwrap();
    assert_eq!(state().await, ClusterState::PartlyRunning);
    assert_eq!(state().await.to_string(), "partly running");
    assert_eq!(serde_json::to_value(state().await).unwrap(), "partly-running");
}

#[test]
fn internal_kubeconfig_has_the_address_in_the_node_network() {
    let world = World::new();
    let node = |index: u8| {
        let name = format!("demo-control-plane-{index}");
        testing::identity(&name, crate::kubernetes::Role::ControlPlane, index)
    };
    let kubeconfig = |nodes: Vec<crate::plan::NodeIdentity>| {
        let spec = nodes.iter().map(|node| crate::spec::NodeSpec::new(node.role)).collect();
        let mut record = Record { nodes, ..testing::record("demo") };
        record.spec.nodes = spec;
        record.write(&world.dirs.state).unwrap();
        let text = Kubeconfig::new(access()).to_yaml();
        std::fs::write(kubeconfig_path(&world.dirs.state, &name()), text).unwrap();
        ClusterEntry::open(&world.dirs, &name()).unwrap().internal_kubeconfig()
    };
    let one = kubeconfig(vec![node(0)]).unwrap();
    assert!(one.contains("server: https://10.89.0.2:6443\n"), "{one}");
    // The address is not in the certificate.
    assert!(one.contains("tls-server-name: demo-control-plane-0\n"), "{one}");
    let three = kubeconfig(vec![node(0), node(1), node(2)]).unwrap();
    assert!(three.contains("server: https://10.89.0.254:6443\n"), "{three}");
    assert!(!three.contains("tls-server-name"), "{three}");
    let error = kubeconfig(Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "the record of the cluster has no addresses of nodes");
}
