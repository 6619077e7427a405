//! Invalid requests, which fail before anything is created.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use kipod_e2e::{Kipod, NODE_IMAGE, TestCluster, ensure_node_image, local_bundle, podman};
use kipod_results::require;

#[test]
#[ignore = "needs rootless Podman"]
fn create_refuses_a_missing_node_image() {
    let cluster = TestCluster::new("noimage");
    let output = cluster.creation_with(&["--image", "localhost/nope:1"]).run().failure(1);
    output.stderr_contains(&["error: node image `localhost/nope:1` not found\nhint: "]);
    cluster.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman"]
fn create_refuses_an_image_without_labels() {
    let context = tempfile::tempdir().unwrap();
    std::fs::write(context.path().join("Containerfile"), "FROM scratch\nLABEL a=b\n").unwrap();
    let reference = format!("localhost/e2e-other-{}:1", std::process::id());
    podman(&["build", "--quiet", "--tag", &reference, context.path().to_str().unwrap()]);
    let cluster = TestCluster::new("notours");
    let output = cluster.creation_with(&["--image", &reference]).run();
    podman(&["image", "rm", "--force", &reference]);
    output.failure(1).stderr_contains(&["is not a node image of kipod: label", "\nhint: "]);
    cluster.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_refuses_an_old_kubernetes_version() {
    ensure_node_image();
    let context = tempfile::tempdir().unwrap();
    let label = "LABEL io.kipod.kubernetes-version=v1.30.4";
    let file = format!("FROM {NODE_IMAGE}\n{label}\n");
    std::fs::write(context.path().join("Containerfile"), file).unwrap();
    let reference = format!("localhost/e2e-old-{}:1", std::process::id());
    podman(&["build", "--quiet", "--tag", &reference, context.path().to_str().unwrap()]);
    let cluster = TestCluster::new("tooold");
    let output = cluster.creation_with(&["--image", &reference]).run();
    podman(&["image", "rm", "--force", &reference]);
    let text = format!("error: node image `{reference}`: Kubernetes v1.30.4 is not supported: ");
    output.failure(1).stderr_contains(&[&text, "\nhint: "]);
    cluster.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_refuses_a_used_api_server_port() {
    ensure_node_image();
    let cluster = TestCluster::new("port");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let output = cluster.creation_with(&["--api-server-port", &port.to_string()]).run().failure(1);
    let text = format!("the API server cannot listen on 127.0.0.1:{port}: ");
    output.stderr_contains(&[&text, "\nhint: leave out the port"]);
    cluster.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_uses_the_given_subnets() {
    ensure_node_image();
    let cluster = TestCluster::new("subnets");
    let args = ["--pod-subnet", "10.11.0.0/16", "--service-subnet", "10.12.0.0/20"];
    cluster.creation_with(&args).run().success();
    let client = cluster.client();
    client.run_pod("where", NODE_IMAGE, "hostname -i; echo $KUBERNETES_SERVICE_HOST");
    let log = client.wait_pod_completed("where");
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].starts_with("10.11.0."), "{log}");
    assert_eq!(lines[1], "10.12.0.1");
    cluster.delete_completely();
}

/// Copies a bundle as symbolic links, and applies `change` to the copy.
fn changed_bundle(bundle: &Path, change: impl Fn(&Path)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(bundle).unwrap().flatten() {
        let target = dir.path().join(entry.file_name());
        if !entry.path().is_dir() {
            symlink(entry.path(), target).unwrap();
            continue;
        }
        std::fs::create_dir(&target).unwrap();
        for file in std::fs::read_dir(entry.path()).unwrap().flatten() {
            symlink(file.path(), target.join(file.file_name())).unwrap();
        }
    }
    change(dir.path());
    dir
}

/// Replaces a symbolic link with a copy of its target. Returns the content.
fn replace_link(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let mode = path.metadata().unwrap().permissions();
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, &bytes).unwrap();
    std::fs::set_permissions(path, mode).unwrap();
    bytes
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn build_reports_every_error_of_a_bundle() {
    let bundle = local_bundle();
    require!(bundle.is_some(), "a component bundle in a directory");
    let image = format!("localhost/e2e-broken-{}", std::process::id());
    let broken = changed_bundle(&bundle.unwrap(), |dir| {
        let kubelet = dir.join("bin/kubelet");
        let bytes = replace_link(&kubelet);
        std::fs::write(kubelet, &bytes[..bytes.len() / 2]).unwrap();
        let crun = dir.join("bin/crun");
        let mut bytes = replace_link(&crun);
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(crun, bytes).unwrap();
        std::fs::remove_file(dir.join("cni/portmap")).unwrap();
    });
    let dir = broken.path().to_str().unwrap();
    let args = ["build", "node-image", "--components", dir, "--image-name", &image];
    let output = Kipod::new(args).run().failure(1);
    let output = output.stderr_contains(&["bin/kubelet", "bin/crun", "cni/portmap", "\nhint: "]);
    let line = |file: &str| {
        let line = output.stderr.lines().find(|line| line.contains(file));
        line.unwrap_or_else(|| panic!("no {file} in {output}")).to_owned()
    };
    assert!(line("bin/crun").contains("checksum") || line("bin/crun").contains("SHA"), "{output}");
    assert!(line("cni/portmap").contains("missing"), "{output}");
    assert_eq!(podman(&["images", "--quiet", &image]), "");
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn create_reports_a_read_only_state_directory() {
    use std::os::unix::fs::PermissionsExt;
    ensure_node_image();
    let dir = tempfile::tempdir().unwrap();
    let read_only = dir.path().join("read-only");
    std::fs::create_dir(&read_only).unwrap();
    std::fs::set_permissions(&read_only, std::fs::Permissions::from_mode(0o555)).unwrap();
    let cluster = TestCluster::new("state");
    let output = cluster.creation().env("XDG_STATE_HOME", &read_only).run().failure(1);
    output.stderr_contains(&[read_only.to_str().unwrap(), "Permission denied"]);
    cluster.assert_no_leftovers();
}

#[test]
#[ignore = "needs rootless Podman"]
fn build_reports_a_missing_bundle() {
    let args = ["build", "node-image", "--components", "/nowhere/bundle"];
    let output = Kipod::new(args).run().failure(1);
    output.stderr_contains(&["`/nowhere/bundle`"]);
}

#[test]
#[ignore = "needs rootless Podman"]
fn create_reports_an_air_gapped_host_without_bundle() {
    // An empty data directory has no image store, so the default node image is unusable.
    let data = tempfile::tempdir().unwrap();
    let cluster = TestCluster::new("nowayout");
    for (args, image) in [(&[][..], "latest"), (&["--k8s-version", "1.33"][..], "v1.33")] {
        let output = cluster
            .creation_with(&[&["--mirror", "http://127.0.0.1:9"], args].concat())
            .without_env("KIPOD_COMPONENTS")
            .env("XDG_DATA_DIRS", data.path())
            .env("XDG_CACHE_HOME", data.path().join("cache"))
            .env("XDG_DATA_HOME", data.path().join("data"))
            // The path of Podman's storage must not depend on XDG_DATA_HOME.
            .env("CONTAINERS_STORAGE_CONF", storage_conf(data.path()))
            .run()
            .failure(1);
        let building = format!("node image `localhost/kipod-node:{image}`");
        let texts = ["building it first", "127.0.0.1:9", "\nhint: ", "--components", "--mirror"];
        output.stderr_contains(&[&building]).stderr_contains(&texts);
        cluster.assert_no_leftovers();
    }
}

/// Writes a `storage.conf` with the current paths of Podman's storage.
fn storage_conf(dir: &Path) -> PathBuf {
    let path = dir.join("storage.conf");
    let root = podman(&["info", "--format", "{{.Store.GraphRoot}}"]);
    let run = podman(&["info", "--format", "{{.Store.RunRoot}}"]);
    let driver = podman(&["info", "--format", "{{.Store.GraphDriverName}}"]);
    let text = format!(
        "[storage]\ndriver = \"{driver}\"\ngraphroot = \"{root}\"\nrunroot = \"{run}\"\nrootless_storage_path = \"{root}\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}
