//! Actions against a scripted Podman: its calls, their order, and the leftovers of failures.

mod failures;
mod holds;
mod images;
mod leftovers;
mod nodes;
mod order;
mod races;
mod registries;

use std::path::PathBuf;
use std::sync::Mutex;

use tokio_util::sync::CancellationToken;

use super::{Context, CreateError, Request, create};
use crate::cluster::{ClusterEntry, Record, cluster_dir};
use crate::events::Event;
use crate::node::CgroupMode;
use crate::node_image::{DEFAULT_IMAGE, label};
use crate::podman::{Podman, PodmanError, Scripted, StorageDriver};
use crate::spec::{ClusterName, ClusterSpec};
use crate::testing::{NOW, machine, record};
use crate::util::Hint;
use crate::util::dirs::Dirs;
use crate::util::text::error_chain;

const NODE: &str = "demo-control-plane-0";

/// A host with kipod's directories and a Podman that has only a node image.
struct World {
    podman: Scripted,
    dirs: Dirs,
    events: Mutex<Vec<Event>>,
    _root: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path());
        let store = dirs.data.join("stores/v1.36.2/overlay-images");
        std::fs::create_dir_all(&store).unwrap();
        std::fs::write(store.join("images.json"), "[]").unwrap();
        let podman = Scripted::new();
        let labels = [
            (label::KUBERNETES_VERSION, "v1.36.2"),
            (label::PAUSE_IMAGE, "registry.k8s.io/pause:3.10"),
            (label::IMAGE_STORE, "v1.36.2"),
            (label::REVISION, kipod_images::REVISION),
        ];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        podman.add_image(DEFAULT_IMAGE, labels.into());
        Self { podman, dirs, events: Mutex::default(), _root: root }
    }

    async fn create(&self, request: Request) -> Result<ClusterEntry, CreateError> {
        let events = |event| self.events.lock().unwrap().push(event);
        create(Context { podman: &self.podman, dirs: &self.dirs, events: &events }, request).await
    }

    /// Creates a cluster whose node reports a failure of kubeadm as soon as it is running.
    async fn create_until_kubeadm_fails(&self, request: Request) -> CreateError {
        let kubeadm = async {
            while !self.podman.containers("").await.unwrap().iter().any(|c| c.state.is_running()) {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            let failed = self.status_dir().join("failed");
            std::fs::write(failed, "kubeadm init\n").unwrap();
        };
        tokio::join!(self.create(request), kubeadm).0.unwrap_err()
    }

    /// Waits for a call of Podman that begins with `call`.
    async fn until(&self, call: &str) {
        while !self.podman.calls().iter().any(|line| line.starts_with(call)) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    fn status_dir(&self) -> PathBuf {
        self.cluster_dir().join("nodes").join(NODE).join("status")
    }

    fn cluster_dir(&self) -> PathBuf {
        cluster_dir(&self.dirs.state, &name())
    }

    fn record(&self) -> Option<Record> {
        Record::read(&self.dirs.state, &name()).unwrap()
    }

    /// Returns the calls that change something, in order.
    fn changes(&self) -> Vec<String> {
        let queries =
            ["image ", "images ", "networks ", "volumes ", "containers ", "inspect_", "logs "];
        let changes = |line: &String| !queries.iter().any(|query| line.starts_with(query));
        self.podman.calls().into_iter().filter(changes).collect()
    }

    fn count(&self, call: &str) -> usize {
        self.podman.calls().iter().filter(|line| line.starts_with(call)).count()
    }

    fn warnings(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let texts = events.iter().filter_map(|event| match event {
            Event::Warning(text) => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    }

    #[track_caller]
    fn assert_nothing_left(&self) {
        assert!(self.podman.is_empty(), "podman has leftovers: {:#?}", self.podman.calls());
        assert!(!self.cluster_dir().exists(), "the cluster's directory is left");
    }
}

fn name() -> ClusterName {
    "demo".parse().unwrap()
}

pub(super) fn request() -> Request {
    Request {
        // An address for Services would be bound on the host, and has its own tests.
        spec: ClusterSpec { name: name(), load_balancer: false, ..ClusterSpec::default() },
        machine: machine(),
        now: NOW,
        kubeconfig: None,
        cancel: CancellationToken::new(),
        available_inotify_instances: |wanted| wanted,
    }
}

fn retaining() -> Request {
    let request = request();
    Request { spec: ClusterSpec { retain: true, ..request.spec }, ..request }
}

/// Returns an error of Podman.
fn refusal() -> PodmanError {
    PodmanError::Operation { action: "do that".to_owned(), message: "no space left".to_owned() }
}

fn port_in_use() -> PodmanError {
    PodmanError::PortInUse { container: NODE.to_owned(), message: "listen on 127.0.0.1".to_owned() }
}

/// Leaves what a killed creation does: an incomplete record and resources in Podman.
async fn leave_incomplete(world: &World) {
    let record = Record { complete: false, ..record("demo") };
    record.write(&world.dirs.state).unwrap();
    leave_volume(world).await;
}

async fn leave_volume(world: &World) {
    let labels = crate::plan::labels(&name());
    let volume = crate::podman::VolumeOptions { name: NODE.to_owned(), labels };
    world.podman.create_volume(&volume).await.unwrap();
}
