//! Registry configuration of nodes when registries are created and deleted.

use super::nodes::WORKER;
use super::*;
use crate::actions::{RegistryRequest, create_registry, delete_registry};
use crate::plan::label;
use crate::podman::{ContainerOptions, Labels, VolumeOptions};
use crate::registry::{RegistryError, RegistryName};

const IMAGE: &str = "registry.example.com/registry:3";

fn registry_request() -> RegistryRequest {
    RegistryRequest {
        name: RegistryName::default(),
        port: None,
        image: Some(IMAGE.parse().unwrap()),
        cgroup_parent: None,
        timeouts: Default::default(),
        cancel: CancellationToken::new(),
    }
}

/// Creates a registry.
async fn registry(world: &World) -> RegistryName {
    let name = RegistryName::default();
    let labels = [
        ("io.kipod.registry", name.as_str()),
        ("io.kipod.registry.port", "5001"),
        ("io.kipod.registry.address", "10.89.9.2"),
        ("io.kipod.registry.image", "registry"),
    ];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let options = ContainerOptions::plain(name.as_str(), labels.into());
    world.podman.create_container(&options).await.unwrap();
    name
}

/// Returns the uploaded registry configurations with their containers.
fn configured(world: &World) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for upload in world.podman.uploads() {
        let mut archive = tar::Archive::new(upload.archive.as_slice());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.path().unwrap().ends_with("containers/registries.conf") {
                let text = std::io::read_to_string(&mut entry).unwrap();
                found.push((upload.container.clone(), text));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn delete_registry_updates_existing_nodes() {
    let world = World::with_cluster().await;
    world.podman.stop_container(WORKER).await.unwrap();
    // A node that is being created and a load balancer are skipped.
    for (container, role) in [("demo-worker-1", "worker"), ("demo-lb", "load-balancer")] {
        let mut labels = crate::plan::labels(&name());
        labels.insert(label::ROLE.to_owned(), role.to_owned());
        let options = ContainerOptions::plain(container, labels);
        world.podman.create_container(&options).await.unwrap();
    }
    world.podman.start_container("demo-lb").await.unwrap();
    let registry = registry(&world).await;
    let events = |event| world.events.lock().unwrap().push(event);
    assert!(delete_registry(world.context(&events), &registry).await.unwrap());
    let empty = "# Written by kipod.\n".to_owned();
    assert_eq!(configured(&world), [(NODE.to_owned(), empty.clone()), (WORKER.to_owned(), empty)]);
    assert_eq!(world.count("exec"), 1);
    assert_eq!(world.count(&format!("exec {NODE} sh -c if systemctl")), 1);
    // The cluster has no API server, which is a warning.
    let [warning] = world.warnings().try_into().unwrap();
    assert!(
        warning
            .starts_with("failed to update ConfigMap `local-registry-hosting` of cluster `demo`: "),
        "{warning}"
    );
    assert!(!delete_registry(world.context(&events), &registry).await.unwrap());
}

#[tokio::test]
async fn create_configures_existing_registries() {
    let world = World::new();
    registry(&world).await;
    world.create_until_kubeadm_fails(request()).await;
    let [(node, text)] = configured(&world).try_into().unwrap();
    assert_eq!(node, NODE);
    assert!(
        text.contains("prefix = \"localhost:5001\"\nlocation = \"10.89.9.2:5000\"\n"),
        "{text}"
    );
}

#[tokio::test]
async fn create_registry_rolls_back_failures() {
    let world = World::new();
    world.podman.add_image(IMAGE, Default::default());
    let request = registry_request();
    let events = |event| world.events.lock().unwrap().push(event);
    let steps = ["create_network", "create_volume", "create_container", "start_container"];
    for step in steps {
        world.podman.fail(step, refusal);
        let error = create_registry(world.context(&events), &request).await.unwrap_err();
        assert!(matches!(error, RegistryError::Podman { .. }), "{step}: {error}");
        assert!(world.podman.is_empty(), "{step}: {:#?}", world.podman.calls());
    }
    assert_eq!(world.warnings(), [""; 0]);
    assert!(!world.dirs.state.join("registries.lock").exists());
}

#[tokio::test]
async fn delete_registry_waits_for_late_containers() {
    let world = World::new();
    let name = RegistryName::default();
    let labels = Labels::from([("io.kipod.registry".to_owned(), name.to_string())]);
    let volume = VolumeOptions { name: name.to_string(), labels: labels.clone() };
    world.podman.create_volume(&volume).await.unwrap();
    let events = |event| world.events.lock().unwrap().push(event);
    let late = async {
        world.until("volumes io.kipod.registry").await;
        let options = ContainerOptions::plain(name.as_str(), labels);
        world.podman.create_container(&options).await.unwrap();
    };
    let context = world.context(&events);
    let (deleted, ()) = tokio::join!(delete_registry(context, &name), late);
    assert!(deleted.unwrap());
    assert!(world.podman.is_empty(), "{:#?}", world.podman.calls());
}

#[tokio::test]
async fn create_registry_pulls_a_missing_image() {
    let world = World::new();
    let events = |event| world.events.lock().unwrap().push(event);
    let error = create_registry(world.context(&events), &registry_request()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Podman { .. }), "{error}");
    assert_eq!(world.changes(), [format!("pull_image {IMAGE}")]);
}

#[tokio::test]
async fn reuse_of_a_registry_can_be_cancelled() {
    let world = World::new();
    registry(&world).await;
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let request = RegistryRequest { image: None, cancel, ..registry_request() };
    let events = |event| world.events.lock().unwrap().push(event);
    let stop = async {
        world.until("start_container").await;
        canceller.cancel();
    };
    let context = world.context(&events);
    let (made, ()) = tokio::join!(create_registry(context, &request), stop);
    assert!(matches!(made, Err(RegistryError::Cancelled { .. })), "{made:?}");
    // An existing registry is not removed.
    assert_eq!(world.count("remove_"), 0);
}

#[tokio::test]
async fn delete_registry_warns_about_unreadable_records() {
    let world = World::with_cluster().await;
    let registry = registry(&world).await;
    std::fs::write(world.cluster_dir().join("cluster.json"), "{").unwrap();
    let events = |event| world.events.lock().unwrap().push(event);
    assert!(delete_registry(world.context(&events), &registry).await.unwrap());
    let [warning] = world.warnings().try_into().unwrap();
    assert!(
        warning.starts_with("failed to update the registry configuration of cluster `demo`: "),
        "{warning}"
    );
}
