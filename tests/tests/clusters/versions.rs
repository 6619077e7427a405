//! Several Kubernetes versions: a cluster of each, and of several at once.

use std::os::unix::fs::symlink;

use kipod_e2e::{
    Kipod, NODE_IMAGE, TestCluster, bundle_of, ensure_node_image, podman, report_missing,
};

/// Those that are tried, wherever there is a bundle.
const MINORS: [&str; 3] = ["1.34", "1.35", "1.36"];

/// The minor versions that clusters can be made of here, the newest first. What is missing is named.
fn minors() -> Vec<&'static str> {
    let has = |minor: &&str| match bundle_of(minor) {
        Some(bundle) => {
            bundle.ensure_node_image();
            true
        }
        None => {
            report_missing("clusters of each version", &format!("a component bundle of {minor}"));
            false
        }
    };
    MINORS.into_iter().rev().filter(has).collect()
}

/// The version of each kubelet, by node.
fn kubelets(cluster: &TestCluster) -> Vec<(String, String)> {
    let columns = "-o=custom-columns=NAME:.metadata.name,V:.status.nodeInfo.kubeletVersion";
    let words = ["exec", "--name", &cluster.name, "kubectl"];
    let kubeconfig = "--kubeconfig=/etc/kubernetes/admin.conf";
    let words = [&words[..], &[kubeconfig, "get", "nodes", "--no-headers", columns]].concat();
    let text = cluster.kipod(&words).run().ok().stdout;
    let pair = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    };
    text.lines().map(pair).collect()
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn each_version_makes_a_cluster() {
    let minors = minors();
    kipod_e2e::need!(!minors.is_empty(), "a component bundle of a version that is tried");
    for minor in minors {
        let cluster = TestCluster::named("version");
        cluster.create_with(&["--k8s-version", minor]).run().ok();
        let inside = cluster.inside();
        let server = inside.version();
        assert!(server.starts_with(&format!("v{minor}.")), "{minor}: {server}");
        assert_eq!(kubelets(&cluster), [(cluster.node(), server.clone())]);
        inside.until_all_is_well();
        inside.serve("web", "it-is-served");
        inside.until_served("client", "web", "it-is-served");
        let traces = cluster.traces();
        cluster.delete().run().ok();
        traces.assert_gone();
        println!("a cluster of {server}: ok");
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn nodes_of_several_versions_are_one_cluster() {
    let minors = minors();
    kipod_e2e::need!(minors.len() > 1, "component bundles of two versions");
    let cluster = TestCluster::named("mixed");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kipod.yaml");
    let create = |images: &[String]| {
        let mut text = "kind: Cluster\napiVersion: kipod.io/v1alpha1\nnodes:\n".to_owned();
        for (index, image) in images.iter().enumerate() {
            let role = if index == 0 { "control-plane" } else { "worker" };
            text.push_str(&format!("- {{role: {role}, image: '{image}'}}\n"));
        }
        std::fs::write(&file, text).unwrap();
        cluster.create_with(&["--config", file.to_str().unwrap()])
    };
    let mut images: Vec<_> =
        minors.iter().map(|minor| bundle_of(minor).unwrap().ensure_node_image()).collect();
    let newest = images[0].clone();

    // The oldest one's control plane, and a worker that is too new for it.
    images.reverse();
    let output = create(&images).run().failed(1);
    output.said(&[
        "error: the nodes' Kubernetes versions do not go together:",
        &format!("node `{}-worker-0` has v", cluster.name),
        "a worker must not be newer than the control plane, which has v",
    ]);
    cluster.assert_nothing_left();

    images.reverse();
    create(&images).run().ok();
    let inside = cluster.inside();
    inside.until_all_is_well();
    let found = kubelets(&cluster);
    let tag = |image: &String| image.rsplit(':').next().unwrap().to_owned();
    let versions: Vec<_> = found.iter().map(|(_, version)| version.clone()).collect();
    assert_eq!(versions, images.iter().map(tag).collect::<Vec<_>>());
    // Pods of the oldest node reach those of the newest one.
    let (first, last) = (&found[0].0, &found[found.len() - 1].0);
    inside.echo_on("first", first);
    inside.echo_on("last", last);
    inside.assert_reach_each_other(["first", "last"]);
    assert!(newest.ends_with(&inside.version()));
    let traces = cluster.traces();
    cluster.delete().run().ok();
    traces.assert_gone();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_bundle_is_found_by_the_version_it_has() {
    ensure_node_image();
    let Some(bundle) = kipod_e2e::bundle() else {
        kipod_e2e::need!(false, "a component bundle as a folder");
        return;
    };
    let have = podman(&[
        "image",
        "inspect",
        "--format",
        "{{index .Labels \"io.kipod.kubernetes-version\"}}",
        NODE_IMAGE,
    ]);
    let minor = have.trim_start_matches('v').rsplit_once('.').unwrap().0.to_owned();
    // The folder's name says nothing.
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("kipod")).unwrap();
    symlink(&bundle, data.path().join("kipod/components")).unwrap();
    let image = format!("localhost/e2e-found-{}", std::process::id());
    let build = |version: &str, more: &[&str]| {
        let words = ["build", "node-image", "--image-name", &image, "--k8s-version", version];
        Kipod::new([&words[..], more].concat())
            .without_env("KIPOD_COMPONENTS")
            .env("XDG_DATA_DIRS", data.path())
    };
    let reference = format!("{image}:{have}");
    build(&minor, &[]).run().ok().said(&[&format!("`{reference}` is ready: Kubernetes {have}")]);
    podman(&["image", "rm", "--force", &reference]);

    let folder = bundle.to_str().unwrap();
    let output = build("1.33", &["--components", folder]).run().failed(1);
    output
        .said(&[&format!("has Kubernetes {have}, and not 1.33"), "\nhint: without `--components`"]);
}
