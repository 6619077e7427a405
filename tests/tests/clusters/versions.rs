//! Kubernetes versions: one cluster for each, and a cluster with several.

use std::os::unix::fs::symlink;

use kipod_e2e::{Kipod, NODE_IMAGE, TestCluster, bundle_for, ensure_node_image, podman};
use kipod_results::report_not_run;

/// The tested minor versions.
const MINORS: [&str; 3] = ["1.34", "1.35", "1.36"];

/// Builds a node image for each tested version with a bundle on this host. Returns these versions, the
/// newest first, and reports the others as not run.
fn available_minors() -> Vec<&'static str> {
    let available = |minor: &&str| match bundle_for(minor) {
        Some(bundle) => {
            bundle.ensure_node_image();
            true
        }
        None => {
            report_not_run(
                "clusters",
                &format!("Kubernetes {minor}"),
                "needs a component bundle of this version",
            );
            false
        }
    };
    MINORS.into_iter().rev().filter(available).collect()
}

/// Returns the name and the kubelet version of each node.
fn kubelet_versions(cluster: &TestCluster) -> Vec<(String, String)> {
    let columns = "NAME:.metadata.name,V:.status.nodeInfo.kubeletVersion";
    let text = cluster.kubectl(&format!("get nodes --no-headers -o=custom-columns={columns}"));
    let pair = |line: &str| {
        let mut columns = line.split_whitespace().map(str::to_owned);
        (columns.next().unwrap(), columns.next().unwrap())
    };
    text.lines().map(pair).collect()
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_works_with_each_version() {
    let minors = available_minors();
    kipod_results::require!(!minors.is_empty(), "a component bundle of a tested version");
    for minor in minors {
        let cluster = TestCluster::new("version");
        cluster.creation_with(&["--k8s-version", minor]).run().success();
        let client = cluster.client();
        let server = client.version();
        assert!(server.starts_with(&format!("v{minor}.")), "{minor}: {server}");
        assert_eq!(kubelet_versions(&cluster), [(cluster.control_plane(), server.clone())]);
        client.wait_ready();
        client.create_server("web", "it-is-served");
        client.assert_served("client", "web", "it-is-served");
        cluster.delete_completely();
        println!("a cluster of {server}: ok");
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_works_with_mixed_versions() {
    let minors = available_minors();
    kipod_results::require!(minors.len() > 1, "component bundles of two versions");
    let cluster = TestCluster::new("mixed");
    let create = |images: &[String]| {
        let mut text = "kind: Cluster\napiVersion: kipod.io/v1alpha1\nnodes:\n".to_owned();
        for (index, image) in images.iter().enumerate() {
            let role = if index == 0 { "control-plane" } else { "worker" };
            text.push_str(&format!("- {{role: {role}, image: '{image}'}}\n"));
        }
        cluster.creation_from(&text)
    };
    let mut images: Vec<_> =
        minors.iter().map(|minor| bundle_for(minor).unwrap().ensure_node_image()).collect();
    let newest = images[0].clone();

    // A control plane of the oldest version, with newer workers.
    images.reverse();
    let output = create(&images).run().failure(1);
    output.stderr_contains(&[
        "error: unsupported version skew between nodes:",
        &format!("node `{}-worker-0` has v", cluster.name),
        "a worker must not be newer than the control plane, which has v",
    ]);
    cluster.assert_no_leftovers();

    images.reverse();
    create(&images).run().success();
    let client = cluster.client();
    client.wait_ready();
    let kubelets = kubelet_versions(&cluster);
    let tag = |image: &String| image.rsplit(':').next().unwrap().to_owned();
    let versions: Vec<_> = kubelets.iter().map(|(_, version)| version.clone()).collect();
    assert_eq!(versions, images.iter().map(tag).collect::<Vec<_>>());
    // Pods on the newest and the oldest node reach each other.
    let (first, last) = (&kubelets[0].0, &kubelets[kubelets.len() - 1].0);
    client.run_echo_pod("first", first);
    client.run_echo_pod("last", last);
    client.assert_echo_pods_connected(["first", "last"]);
    assert!(newest.ends_with(&client.version()));
    cluster.delete_completely();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn build_finds_a_bundle_by_its_version() {
    ensure_node_image();
    let bundle = kipod_e2e::local_bundle();
    kipod_results::require!(bundle.is_some(), "a component bundle in a directory");
    let bundle = bundle.unwrap();
    let version = podman(&[
        "image",
        "inspect",
        "--format",
        "{{index .Labels \"io.kipod.kubernetes-version\"}}",
        NODE_IMAGE,
    ]);
    let minor = version.trim_start_matches('v').rsplit_once('.').unwrap().0.to_owned();
    // The name of the directory does not contain the version.
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("kipod")).unwrap();
    symlink(&bundle, data.path().join("kipod/components")).unwrap();
    let image = format!("localhost/e2e-found-{}", std::process::id());
    let build = |version: &str, args: &[&str]| {
        let build = ["build", "node-image", "--image-name", &image, "--k8s-version", version];
        Kipod::new([&build[..], args].concat())
            .without_env("KIPOD_COMPONENTS")
            .env("XDG_DATA_DIRS", data.path())
    };
    let reference = format!("{image}:{version}");
    build(&minor, &[])
        .run()
        .success()
        .stderr_contains(&[&format!("`{reference}` is ready: Kubernetes {version}")]);
    podman(&["image", "rm", "--force", &reference]);

    let dir = bundle.to_str().unwrap();
    let output = build("1.33", &["--components", dir]).run().failure(1);
    output.stderr_contains(&[
        &format!("has Kubernetes {version}, not v1.33"),
        "\nhint: omit `--components`",
    ]);
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn build_refuses_programs_that_do_not_work_together() {
    let bundle = kipod_e2e::local_bundle();
    kipod_results::require!(bundle.is_some(), "a component bundle in a directory");
    let bundle = bundle.unwrap();
    let copy = tempfile::tempdir().unwrap();
    // Another program with the option `--version` in place of crun.
    for entry in ["bin", "cni", "images", "base.tar"] {
        let (from, to) = (bundle.join(entry), copy.path().join(entry));
        if entry != "bin" && from.exists() {
            symlink(from, to).unwrap();
        }
    }
    std::fs::create_dir(copy.path().join("bin")).unwrap();
    for program in std::fs::read_dir(bundle.join("bin")).unwrap() {
        let program = program.unwrap();
        let is_crun = program.file_name() == "crun";
        let from = if is_crun { bundle.join("bin/conmon") } else { program.path() };
        symlink(from, copy.path().join("bin").join(program.file_name())).unwrap();
    }
    let image = format!("localhost/e2e-refused-{}:1", std::process::id());
    let dir = copy.path().to_str().unwrap();
    let args = ["build", "node-image", "--image-name", &image, "--components", dir];
    Kipod::new(args.to_vec()).run().failure(1).stderr_contains(&[
        "cannot run a container as its CRI-O configures it",
        "\nhint: replace `bin/crun` of the bundle",
    ]);
    let found = podman(&["images", "--quiet", &image]);
    assert_eq!(found.trim(), "");
}
