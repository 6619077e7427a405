//! Holds on images of the user's store.

use super::images::store;
use super::nodes::WORKER;
use super::*;
use crate::actions::{LoadRequest, load_images};
use crate::cluster;
use crate::util::labels::HELD_NAME;

impl World {
    /// Returns the names of the images that the cluster holds.
    fn holds(&self) -> Vec<String> {
        let containers = self.podman.holds();
        containers.into_iter().filter_map(|labels| labels.get(HELD_NAME).cloned()).collect()
    }
}

#[tokio::test]
async fn load_holds_images_that_pods_use_in_place() {
    let world = World::with_store().await;
    for image in ["localhost/a:1", "localhost/used:1"] {
        world.podman.add_image(image, Default::default());
    }
    world.podman.replace_image("localhost/a:1", "aaaa");
    world.podman.replace_image("localhost/used:1", "bbbb");
    for node in [NODE, WORKER] {
        world.sees(node, "localhost/a:1", "aaaa");
    }
    world.podman.set_exec_output(&format!("{NODE} crictl ps"), 0, "{}");
    let list = r#"{"containers": [{"imageId": "bbbb"}, {"imageId": "pulled"}]}"#;
    world.podman.set_exec_output(&format!("{WORKER} crictl ps"), 0, list);
    world.load(store(&["localhost/a:1"]), &[]).await.unwrap();
    assert_eq!(world.holds(), ["localhost/a:1", "localhost/used:1"]);

    // Another image got the name, and no pod uses the old one. That is known only of queried nodes.
    world.podman.set_exec_output(&format!("{WORKER} crictl ps"), 0, "{}");
    world.podman.replace_image("localhost/used:1", "cccc");
    world.load(store(&["localhost/a:1"]), &[NODE]).await.unwrap();
    world.podman.fail_exec(&format!("{WORKER} crictl ps"), "no CRI-O");
    world.load(store(&["localhost/a:1"]), &[]).await.unwrap();
    assert_eq!(world.holds().len(), 2);
    world.podman.set_exec_output(&format!("{WORKER} crictl ps"), 0, "{}");
    world.load(store(&["localhost/a:1"]), &[]).await.unwrap();
    assert_eq!(world.holds(), ["localhost/a:1"]);

    // Holds are not nodes, and are removed with the cluster.
    let nodes = cluster::nodes(&world.podman, &world.dirs, None).await.unwrap();
    assert_eq!(nodes.len(), 2);
    cluster::remove(&world.podman, &world.dirs, &name()).await.unwrap();
    assert_eq!(world.holds(), [""; 0]);
    let names = cluster::held_image_names(&world.podman, &name()).await.unwrap();
    assert_eq!(names, [""; 0]);
}

#[tokio::test]
async fn failed_hold_is_a_warning() {
    let world = World::with_store().await;
    world.podman.add_image("localhost/a:1", Default::default());
    for node in [NODE, WORKER] {
        world.sees(node, "localhost/a:1", "id-of-localhost/a:1");
    }
    world.podman.fail("hold_image", refusal);
    let warnings = std::sync::Mutex::new(Vec::new());
    let request = LoadRequest {
        cluster: name(),
        source: store(&["localhost/a:1"]),
        nodes: Vec::new(),
        cancel: CancellationToken::new(),
    };
    let collect = |event: Event| {
        if let Event::Warning(text) = event {
            warnings.lock().unwrap().push(text);
        }
    };
    load_images(world.context(&collect), &request).await.unwrap();
    insta::assert_snapshot!(
        warnings.lock().unwrap().join("\n"),
        @"not all images of cluster `demo` are held in your image store, so do not prune it: do that: no space left"
    );
}
