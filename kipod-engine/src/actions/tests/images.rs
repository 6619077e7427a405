//! Loading images into existing and new clusters.

use super::nodes::WORKER;
use super::*;
use crate::actions::{ChangeError, ImageSource, LoadRequest, Loaded, load_images};
use crate::cluster::store;
use crate::lease::{ImagesLock, NameLock};
use crate::podman::Archive;

impl World {
    /// Creates a cluster of two nodes with an image store.
    pub(super) async fn with_store() -> Self {
        let world = Self::with_cluster().await;
        store::create(&world.cluster_dir(), StorageDriver::Overlay).unwrap();
        let node_image = world.podman.inspect_container(NODE).await.unwrap().image;
        world.podman.add_image(&node_image, Default::default());
        world
    }

    pub(super) async fn load(
        &self,
        source: ImageSource,
        nodes: &[&str],
    ) -> Result<Loaded, ChangeError> {
        let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
        let request =
            LoadRequest { cluster: name(), source, nodes, cancel: CancellationToken::new() };
        let loaded = load_images(self.context(&|_| {}), &request).await;
        self.assert_no_leftovers_of_loads();
        loaded
    }

    #[track_caller]
    fn assert_no_leftovers_of_loads(&self) {
        for dir in ["state/locks", "state/loads"] {
            let left = std::fs::read_dir(self._root.path().join(dir));
            let left: Vec<_> =
                left.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
            assert_eq!(left, [""; 0].map(PathBuf::from));
        }
        let runtime = std::fs::read_dir(&self.dirs.runtime);
        assert_eq!(runtime.into_iter().flatten().count(), 0, "runtime state is left");
    }

    /// Makes an image visible on a node.
    pub(super) fn sees(&self, node: &str, image: &str, id: &str) {
        let query = "crictl inspecti --output go-template --template {{.status.id}}";
        self.podman.set_exec_output(&format!("{node} {query} {image}"), 0, &format!("{id}\n"));
    }

    fn copies(&self) -> Vec<String> {
        let calls = self.podman.calls();
        calls.into_iter().filter(|call| call.starts_with("copy_image")).collect()
    }
}

pub(super) fn store(names: &[&str]) -> ImageSource {
    ImageSource::Store(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn load_skips_visible_images() {
    let world = World::with_store().await;
    world.podman.add_image("localhost/a:1", Default::default());
    for node in [NODE, WORKER] {
        world.sees(node, "localhost/a:1", "sha256:id-of-localhost/a:1");
    }
    let loaded = world.load(store(&["localhost/a:1"]), &[]).await.unwrap();
    assert_eq!(loaded.stopped, [""; 0]);
    assert_eq!(loaded.images.len(), 1);
    assert!(!loaded.images[0].copied);
    assert_eq!(world.copies(), [""; 0]);
}

#[tokio::test]
async fn load_copies_missing_images_and_verifies_them() {
    let world = World::with_store().await;
    world.podman.add_image("localhost/a:1", Default::default());
    world.sees(NODE, "localhost/a:1", "id-of-localhost/a:1");
    world.sees(WORKER, "localhost/a:1", "another");
    let error = world.load(store(&["localhost/a:1"]), &[]).await.unwrap_err();
    assert_eq!(world.copies(), ["copy_image localhost/a:1 from the user to images"]);
    insta::assert_snapshot!(error, @r"
    images were loaded, but not all nodes see them:
      node `demo-worker-0`: `localhost/a:1` has id another instead of id-of-localh
    ");
    let hint = error.hint().unwrap();
    assert!(hint.contains("crictl rmi") && !hint.contains("create it again"), "{hint}");
    // Other nodes and stopped nodes are not verified.
    let loaded = world.load(store(&["localhost/a:1"]), &[NODE]).await.unwrap();
    assert!(!loaded.images[0].copied);
    world.podman.stop_container(WORKER).await.unwrap();
    let loaded = world.load(store(&["localhost/a:1"]), &[]).await.unwrap();
    assert_eq!(loaded.stopped, [WORKER]);
}

#[tokio::test]
async fn load_reports_all_errors_of_a_request() {
    let world = World::with_store().await;
    world.podman.add_image("localhost/good:1", Default::default());
    world.podman.add_image_for("localhost/arm:1", "arm64", Default::default());
    world.podman.add_image("localhost/nameless:1", Default::default());
    world.podman.untag_image("localhost/nameless:1");
    let names = ["localhost/good:1", "Not", "none:1", "localhost/arm:1", "localhost/nameless:1"];
    let error = world.load(store(&names), &["demo-worker-7", WORKER]).await.unwrap_err();
    insta::assert_snapshot!(error, @r"
    no image was loaded:
      node `demo-worker-7` not found in cluster `demo`, which has demo-control-plane-0, demo-worker-0
      `Not` is not an image reference: `Not` has characters other than a-z, 0-9 and single separators (. _ __ -)
      image `none:1` not found in your image store
      image `localhost/arm:1` is for linux/arm64, but the nodes are linux/amd64
      image `localhost/nameless:1` has no name, which pods require
    ");
    assert_eq!(world.copies(), [""; 0]);
}

#[tokio::test]
async fn failed_copy_reports_images_loaded_before() {
    let world = World::with_store().await;
    for image in ["localhost/a:1", "localhost/b:1"] {
        world.podman.add_image(image, Default::default());
    }
    world.podman.fail("copy_image localhost/b:1", refusal);
    let error = world.load(store(&["localhost/a:1", "localhost/b:1"]), &[]).await.unwrap_err();
    insta::assert_snapshot!(
        error_chain(&error),
        @"cannot load `localhost/b:1` (already loaded: localhost/a:1): do that: no space left"
    );
}

#[tokio::test]
async fn load_checks_an_archive_before_copying() {
    let world = World::with_store().await;
    let file = || ImageSource::Archive(Archive::File("/images.tar".into()));
    let error = world.load(file(), &[]).await.unwrap_err();
    assert_eq!(error.to_string(), "no image was loaded:\n  `/images.tar` contains no image");
    world.podman.add_archived_image("localhost/a:1", "amd64");
    for node in [NODE, WORKER] {
        world.podman.set_exec_output(&format!("{node} crictl"), 0, "id-of-localhost/a:1");
    }
    let loaded = world.load(file(), &[]).await.unwrap();
    assert_eq!(loaded.images[0].name, "localhost/a:1");
    world.podman.add_archived_image("localhost/arm:1", "arm64");
    let error = world.load(file(), &[]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no image was loaded:\n  image `localhost/arm:1` is for linux/arm64, but the nodes are linux/amd64"
    );
    world.podman.fail("load_archive", refusal);
    let error = world.load(ImageSource::Archive(Archive::Stdin), &[]).await.unwrap_err();
    assert_eq!(
        error_chain(&error),
        "cannot read the images of standard input: do that: no space left"
    );
    assert_eq!(world.copies(), [""; 0]);
}

#[tokio::test]
async fn load_refuses_missing_stores_and_clusters() {
    let world = World::with_cluster().await;
    let error = world.load(store(&["a"]), &[]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cluster `demo` has no image store: it was created by an older version of kipod"
    );
    let world = World::new();
    let source = store(&["a"]);
    let request = LoadRequest {
        cluster: name(),
        source,
        nodes: Vec::new(),
        cancel: CancellationToken::new(),
    };
    let error = load_images(world.context(&|_| {}), &request).await.unwrap_err();
    assert_eq!(error.to_string(), "cluster `demo` not found");
    assert!(!world.dirs.state.join("locks").exists() && !world.cluster_dir().exists());
}

#[tokio::test]
async fn load_reports_nodes_without_the_store() {
    let world = World::with_store().await;
    world.podman.add_image("localhost/a:1", Default::default());
    world.sees(NODE, "localhost/a:1", "id-of-localhost/a:1");
    world.podman.fail_exec(WORKER, "no such image");
    let error = world.load(store(&["localhost/a:1"]), &[]).await.unwrap_err();
    assert!(error.to_string().ends_with("node `demo-worker-0`: `localhost/a:1` not found"));
    let hint = error.hint().unwrap();
    assert!(!hint.contains("crictl rmi") && hint.contains("create it again"), "{hint}");
}

#[tokio::test]
async fn load_unpacks_while_the_cluster_is_locked() {
    let world = World::with_store().await;
    world.podman.add_archived_image("localhost/a:1", "amd64");
    let lock = NameLock::take(&world.dirs.state, &name()).unwrap();
    for (source, unpacked) in
        [(store(&["a"]), 0), (ImageSource::Archive(Archive::File("/a.tar".into())), 1)]
    {
        let request = LoadRequest {
            cluster: name(),
            source,
            nodes: Vec::new(),
            cancel: CancellationToken::new(),
        };
        let error = load_images(world.context(&|_| {}), &request).await.unwrap_err();
        assert!(
            error.to_string().contains("cluster `demo` is in use by another process"),
            "{error}"
        );
        assert_eq!(world.count("load_archive"), unpacked);
    }
    drop(lock);
    world.assert_no_leftovers_of_loads();
    assert_eq!(world.copies(), [""; 0]);
}

#[tokio::test]
async fn cancelled_load_leaves_nothing() {
    let world = World::with_store().await;
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let turn = ImagesLock::try_take(&world.dirs.state, &name()).unwrap();
    let source = ImageSource::Archive(Archive::File("/a.tar".into()));
    let request = LoadRequest { cluster: name(), source, nodes: Vec::new(), cancel };
    let waits = |event: Event| {
        assert!(matches!(event, Event::Note(_)), "{event:?}");
        canceller.cancel();
    };
    let error = load_images(world.context(&waits), &request).await.unwrap_err();
    assert_eq!(error.to_string(), "loading images into cluster `demo` was interrupted");
    drop(turn);
    let error = load_images(world.context(&|_| {}), &request).await.unwrap_err();
    assert_eq!(error.to_string(), "loading images into cluster `demo` was interrupted");
    assert_eq!(world.count("load_archive"), 0);
}

#[tokio::test]
async fn cancellation_removes_unpacked_files() {
    let world = World::with_store().await;
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let source = ImageSource::Archive(Archive::File("/a.tar".into()));
    let request = LoadRequest { cluster: name(), source, nodes: Vec::new(), cancel };
    // Ctrl-C in a terminal also interrupts Podman.
    world.podman.fail("load_archive", move || {
        canceller.cancel();
        refusal()
    });
    let error = load_images(world.context(&|_| {}), &request).await.unwrap_err();
    assert_eq!(error.to_string(), "loading images into cluster `demo` was interrupted");
    assert_eq!(world.count("load_archive"), 1);
    world.assert_no_leftovers_of_loads();
    assert_eq!(world.copies(), [""; 0]);
}

fn preloading(images: &[&str]) -> Request {
    let request = request();
    let preload = images.iter().map(|image| image.parse().unwrap()).collect();
    Request { spec: ClusterSpec { preload, ..request.spec }, ..request }
}

#[tokio::test]
async fn preload_pulls_missing_images_and_copies_all() {
    let world = World::new();
    world.podman.add_image("quay.io/here:1", Default::default());
    world.podman.publish_image("quay.io/there:1");
    let request = preloading(&["quay.io/here:1", "quay.io/there:1"]);
    let error = world.create_until_kubeadm_fails(request).await;
    assert!(matches!(error, CreateError::NodeFailed { .. }), "{error}");
    assert_eq!(world.count("pull_image"), 1);
    let copied = ["here", "there"]
        .map(|name| format!("copy_image quay.io/{name}:1 from the user to images"));
    assert_eq!(world.copies(), copied);
    world.assert_nothing_left();
}

#[tokio::test]
async fn preload_skips_visible_images() {
    let world = World::new();
    world.podman.add_image("quay.io/here:1", Default::default());
    let mut request = preloading(&["quay.io/here:1"]);
    request.machine.host_store = Some("/store".into());
    world.create_until_kubeadm_fails(request).await;
    assert_eq!(world.copies(), [""; 0]);
}

#[tokio::test]
async fn preload_reports_all_errors_before_the_start() {
    let world = World::new();
    world.podman.add_image_for("quay.io/arm:1", "arm64", Default::default());
    let images = ["quay.io/a:1", "quay.io/arm:1", "quay.io/b:1"];
    let error = world.create(preloading(&images)).await.unwrap_err();
    insta::assert_snapshot!(error_chain(&error), @r"
    cannot preload images: no image was loaded:
      cannot pull `quay.io/a:1`: pull `quay.io/a:1`: manifest unknown
      cannot pull `quay.io/b:1`: pull `quay.io/b:1`: manifest unknown
      image `quay.io/arm:1` is for linux/arm64, but the nodes are linux/amd64
    ");
    assert_eq!((world.count("create"), world.record()), (0, None));
}

/// Puts an image with the id `0wn` into the store of the node image.
fn add_own_image(world: &World, name: &str) {
    let list = world.dirs.data.join("stores/v1.36.2/overlay-images/images.json");
    std::fs::write(list, format!(r#"[{{"id": "0wn", "names": ["{name}"]}}]"#)).unwrap();
}

#[tokio::test]
async fn create_warns_of_images_that_pods_cannot_use() {
    let hidden = "pods get the image of the node image instead of yours for `quay.io/own:1`: load yours with `kipod load image`, or give it another name";
    for (id, has_store, warns) in
        [("other", true, true), ("0wn", true, false), ("other", false, false)]
    {
        let world = World::new();
        add_own_image(&world, "quay.io/own:1");
        world.podman.add_image("quay.io/own:1", Default::default());
        world.podman.replace_image("quay.io/own:1", id);
        let mut request = request();
        request.machine.host_store = has_store.then(|| "/store".into());
        world.create_until_kubeadm_fails(request).await;
        let found = world.warnings().iter().any(|warning| warning == hidden);
        assert_eq!(found, warns, "{id} {has_store}: {:?}", world.warnings());
    }
}

#[tokio::test]
async fn preload_copies_images_that_the_node_image_hides() {
    let world = World::new();
    add_own_image(&world, "quay.io/own:1");
    for image in ["quay.io/own:1", "quay.io/here:1"] {
        world.podman.add_image(image, Default::default());
    }
    let mut request = preloading(&["quay.io/own:1", "quay.io/here:1"]);
    request.machine.host_store = Some("/store".into());
    world.create_until_kubeadm_fails(request).await;
    assert_eq!(world.copies(), ["copy_image quay.io/own:1 from the user to images"]);
    assert!(!world.warnings().iter().any(|warning| warning.contains("quay.io/own:1")));
}
