//! Order of Podman's calls.

use super::*;
use crate::util::text::error_chain;

#[tokio::test]
async fn create_uploads_files_before_the_start() {
    let world = World::new();
    let error = world.create_until_kubeadm_fails(request()).await;
    assert!(matches!(error, CreateError::NodeFailed { .. }), "{error}");
    let changes = world.changes();
    let created: Vec<&str> = changes.iter().map(String::as_str).take(5).collect();
    assert_eq!(
        created,
        [
            "create_network kipod-demo 10.89.0.0/24",
            "create_volume demo-control-plane-0",
            "create_container demo-control-plane-0",
            "upload demo-control-plane-0 /var",
            "start_container demo-control-plane-0",
        ]
    );
    // Logs are read in between.
    let removed: Vec<&str> = changes[5..]
        .iter()
        .map(String::as_str)
        .filter(|change| !change.starts_with("exec "))
        .collect();
    assert_eq!(
        removed,
        [
            "remove_container demo-control-plane-0",
            "remove_volume demo-control-plane-0",
            "remove_network kipod-demo",
        ]
    );
    world.assert_nothing_left();
}

#[tokio::test]
async fn create_writes_the_record_first() {
    let world = World::new();
    world.podman.fail("create_network", refusal);
    world.create(retaining()).await.unwrap_err();
    let record = world.record().expect("the record precedes the network");
    assert!(!record.complete);
    assert_ne!(record.api_port, 0);
}

#[tokio::test]
async fn upload_contains_all_files_of_a_node() {
    let world = World::new();
    world.create_until_kubeadm_fails(request()).await;
    let uploads = world.podman.uploads();
    let [upload] = uploads.as_slice() else { panic!("{} uploads", uploads.len()) };
    let mut archive = tar::Archive::new(upload.archive.as_slice());
    let files: Vec<(String, u32)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap())
        })
        .collect();
    for file in [
        ("lib/kipod/node.env", 0o600),
        ("lib/kipod/kubernetes/pki/ca.key", 0o600),
        ("lib/kipod/kubeadm/init.yaml", 0o600),
        ("lib/kipod/crio/crio.conf", 0o644),
    ] {
        assert!(files.contains(&(file.0.to_owned(), file.1)), "{file:?} of {files:?}");
    }
}

#[tokio::test]
async fn create_refuses_a_missing_image() {
    let world = World::new();
    for (image, words) in
        [("localhost/nope", ""), ("localhost/kipod-node:v1.34.0", " --k8s-version v1.34.0")]
    {
        let mut request = request();
        request.spec.image = image.parse().unwrap();
        let error = world.create(request).await.unwrap_err();
        assert_eq!(error.to_string(), format!("node image `{image}` not found"));
        assert_eq!(error.hint().unwrap(), format!("run `kipod build node-image{words}`"));
    }
    assert_eq!(world.changes(), [""; 0]);
    assert_eq!(world.record(), None);
}

#[tokio::test]
async fn create_refuses_an_old_kubernetes_version() {
    let world = World::new();
    let mut labels = world.podman.image(DEFAULT_IMAGE).await.unwrap().unwrap().labels;
    labels.insert(label::KUBERNETES_VERSION.to_owned(), "v1.31.9".to_owned());
    world.podman.add_image(DEFAULT_IMAGE, labels);
    let error = error_chain(&world.create(request()).await.unwrap_err());
    let words = "node image `localhost/kipod-node:latest` has an unsupported Kubernetes version: Kubernetes v1.31.9 is not supported: ";
    assert!(error.starts_with(words), "{error}");
    assert_eq!(world.changes(), [""; 0]);
}

#[tokio::test]
async fn create_refuses_another_architecture() {
    let world = World::new();
    let labels = world.podman.image(DEFAULT_IMAGE).await.unwrap().unwrap().labels;
    world.podman.add_image_for(DEFAULT_IMAGE, "s390x", labels);
    let error = world.create(request()).await.unwrap_err();
    let text = error.to_string();
    let words = "node image `localhost/kipod-node:latest` is for s390x, and this host is ";
    assert!(text.starts_with(words), "{text}");
    assert_eq!(error.hint().as_deref(), Some("run `kipod build node-image`"));
    assert_eq!(world.changes(), [""; 0]);
}

#[tokio::test]
async fn create_refuses_an_image_of_another_kipod() {
    let world = World::new();
    let found = world.podman.image(DEFAULT_IMAGE).await.unwrap().unwrap();
    for revision in [None, Some("of another kipod")] {
        let mut labels = found.labels.clone();
        labels.remove(label::REVISION);
        labels.extend(revision.map(|text| (label::REVISION.to_owned(), text.to_owned())));
        world.podman.add_image(DEFAULT_IMAGE, labels);
        let error = world.create(request()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "node image `localhost/kipod-node:latest` was built by another version of kipod"
        );
        assert_eq!(error.hint().unwrap(), "run `kipod build node-image`");
    }
    assert_eq!(world.changes(), [""; 0]);
}
